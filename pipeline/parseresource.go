package pipeline

import (
	"strings"

	"switchyard/value"
)

// maxResourceName bounds the names of resources other than pipelines
// [ADF-REST 1].
const maxResourceName = 260

// ParseLinkedService reads a linked service file. Types that are not known are
// kept as they are.
func ParseLinkedService(file string, data []byte) (*LinkedService, Diagnostics) {
	r := &reader{file: file}
	root, props, name, ok := r.document(data, true)
	if !ok {
		return nil, r.diags
	}
	r.name("$.name", "linked service", name, maxResourceName)
	l := &LinkedService{
		Name:        name,
		File:        file,
		Type:        r.text(props, "type", true),
		Parameters:  r.parameters(props, false),
		Annotations: r.array(props, "annotations", false),
		ConnectVia:  r.reference(props, "connectVia", "IntegrationRuntimeReference", false),
		Raw:         root.Object,
	}
	tp := r.typeObject(props)
	l.TypeProperties = tp.Object
	if l.Is(TypeAzureServiceBus) {
		l.ServiceBus = r.serviceBusConnection(tp)
	}
	return l, r.diags
}

// typeObject reads typeProperties, which is empty when it is absent.
func (r *reader) typeObject(props node) node {
	tp := r.object(props, "typeProperties", false)
	if tp.Object == nil {
		tp.Object = &value.Object{}
	}
	return tp
}

// ParseDataset reads a dataset file. Types that are not known are kept as they
// are.
func ParseDataset(file string, data []byte) (*Dataset, Diagnostics) {
	r := &reader{file: file}
	root, props, name, ok := r.document(data, true)
	if !ok {
		return nil, r.diags
	}
	r.name("$.name", "dataset", name, maxResourceName)
	return &Dataset{
		Name:           name,
		File:           file,
		Type:           r.text(props, "type", true),
		LinkedService:  r.reference(props, "linkedServiceName", "LinkedServiceReference", true),
		Parameters:     r.parameters(props, false),
		Annotations:    r.array(props, "annotations", false),
		TypeProperties: r.typeObject(props).Object,
		Raw:            root.Object,
	}, r.diags
}

// ParseTrigger reads a trigger file. Types that are not known or not supported
// are kept as they are; [Factory.Validate] names them.
func ParseTrigger(file string, data []byte) (*Trigger, Diagnostics) {
	r := &reader{file: file}
	root, props, name, ok := r.document(data, true)
	if !ok {
		return nil, r.diags
	}
	r.name("$.name", "trigger", name, maxResourceName)
	t := &Trigger{
		Name:        name,
		File:        file,
		Type:        r.text(props, "type", true),
		Description: r.text(props, "description", false),
		Annotations: r.array(props, "annotations", false),
		Raw:         root.Object,
	}
	switch state := r.text(props, "runtimeState", false); {
	case equalFold(state, "Started"):
		t.Started = true
	case state != "" && !equalFold(state, "Stopped") && !equalFold(state, "Disabled"):
		r.errorf(props.path("runtimeState"), "%q is none of Started, Stopped, Disabled", state)
	}
	for _, p := range r.objects(props, "pipelines", false) {
		t.Pipelines = append(t.Pipelines, r.triggeredPipeline(p))
	}
	if one := r.object(props, "pipeline", false); one.Object != nil {
		t.Pipelines = append(t.Pipelines, r.triggeredPipeline(one))
	}
	tp := r.typeObject(props)
	t.TypeProperties = tp.Object
	if t.Is(TypeServiceBusTrigger) {
		t.ServiceBus = r.serviceBusTrigger(tp)
		if len(t.Pipelines) != 1 {
			r.errorf(props.path("pipelines"), "names %d pipelines, a %s starts exactly one", len(t.Pipelines), TypeServiceBusTrigger)
		}
		r.known(props, "type", "description", "annotations", "runtimeState", "typeProperties", "pipelines")
	}
	return t, r.diags
}

func (r *reader) triggeredPipeline(n node) TriggeredPipeline {
	t := TriggeredPipeline{
		Pipeline:   r.reference(n, "pipelineReference", "PipelineReference", true),
		Parameters: r.object(n, "parameters", false).Object,
	}
	if t.Parameters == nil {
		t.Parameters = &value.Object{}
	}
	return t
}

// ParseFactory reads a factory file: the name, the identity and the global
// parameters. The resources of the factory are read from files of their own.
func ParseFactory(file string, data []byte) (*Factory, Diagnostics) {
	r := &reader{file: file}
	root, props, name, _ := r.document(data, false)
	if root.Object == nil {
		return nil, r.diags
	}
	f := &Factory{
		Name:             name,
		Identity:         r.object(root, "identity", false).Object,
		GlobalParameters: &value.Object{},
		Raw:              root.Object,
	}
	list := r.object(props, "globalParameters", false)
	for _, m := range list.Members() {
		o, ok := m.Value.(*value.Object)
		if !ok {
			r.errorf(list.path(m.Name), "is %s, want an object", kindOf(m.Value))
			continue
		}
		f.GlobalParameters.Set(m.Name, r.globalParameter(node{o, list.path(m.Name)}, m.Name))
	}
	return f, r.diags
}

func (r *reader) globalParameter(n node, name string) value.Value {
	val, ok := n.Lookup("value")
	if !ok {
		r.errorf(n.path("value"), "is missing")
	}
	p := &Parameter{Name: name, Type: TypeString}
	if spelled := r.text(n, "type", true); spelled != "" {
		t, known := parameterTypes[strings.ToLower(spelled)]
		if !known || t == TypeSecureString {
			r.errorf(n.path("type"), "%q is no type of a global parameter", spelled)
			return val
		}
		p.Type = t
	}
	v, err := p.Convert(val)
	if err != nil {
		r.errorf(n.path("value"), "%v", err)
	}
	return v
}
