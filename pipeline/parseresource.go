package pipeline

import (
	"strings"

	"switchyard/value"
	"switchyard/value/read"
)

// maxResourceName bounds the names of resources other than pipelines
// [ADF-REST 1].
const maxResourceName = 260

// ParseLinkedService reads a linked service file. Types that are not known are
// kept as they are.
func ParseLinkedService(file string, data []byte) (*LinkedService, Diagnostics) {
	root, ds := parse(file, data)
	if root == nil {
		return nil, ds
	}
	return ReadLinkedService(file, root)
}

// ReadLinkedService is [ParseLinkedService] for a file whose JSON has been parsed.
func ReadLinkedService(file string, root *value.Object) (*LinkedService, Diagnostics) {
	d, ok := open(file, root)
	if !ok {
		return nil, d.diags
	}
	props := d.props
	d.checkName("$.name", "linked service", d.name, maxResourceName)
	l := &LinkedService{
		Name:        d.name,
		File:        file,
		Type:        props.RequiredString("type"),
		Parameters:  d.parameters(props, false),
		Annotations: array(props, "annotations"),
		ConnectVia:  reference(props, "connectVia", "IntegrationRuntimeReference"),
		Raw:         root,
	}
	tp := object(props, "typeProperties")
	l.TypeProperties = orEmpty(tp.Raw())
	switch {
	case l.Is(TypeAzureServiceBus):
		checkConnection(tp)
	case l.Is(TypeAzureKeyVault):
		if v, _ := tp.Value("baseUrl"); !isExpression(v) {
			tp.RequiredString("baseUrl")
		}
	}
	return l, d.diags
}

// orEmpty returns an object that is there.
func orEmpty(o *value.Object) *value.Object {
	if o == nil {
		return &value.Object{}
	}
	return o
}

// ParseDataset reads a dataset file. Types that are not known are kept as they
// are.
func ParseDataset(file string, data []byte) (*Dataset, Diagnostics) {
	root, ds := parse(file, data)
	if root == nil {
		return nil, ds
	}
	return ReadDataset(file, root)
}

// ReadDataset is [ParseDataset] for a file whose JSON has been parsed.
func ReadDataset(file string, root *value.Object) (*Dataset, Diagnostics) {
	d, ok := open(file, root)
	if !ok {
		return nil, d.diags
	}
	props := d.props
	d.checkName("$.name", "dataset", d.name, maxResourceName)
	return &Dataset{
		Name:           d.name,
		File:           file,
		Type:           props.RequiredString("type"),
		LinkedService:  requiredReference(props, "linkedServiceName", "LinkedServiceReference"),
		Parameters:     d.parameters(props, false),
		Annotations:    array(props, "annotations"),
		TypeProperties: orEmpty(object(props, "typeProperties").Raw()),
		Raw:            root,
	}, d.diags
}

// ParseTrigger reads a trigger file. Types that are not known or not supported
// are kept as they are; [Factory.Validate] names them.
func ParseTrigger(file string, data []byte) (*Trigger, Diagnostics) {
	root, ds := parse(file, data)
	if root == nil {
		return nil, ds
	}
	return ReadTrigger(file, root)
}

// ReadTrigger is [ParseTrigger] for a file whose JSON has been parsed.
func ReadTrigger(file string, root *value.Object) (*Trigger, Diagnostics) {
	d, ok := open(file, root)
	if !ok {
		return nil, d.diags
	}
	props := d.props
	d.checkName("$.name", "trigger", d.name, maxResourceName)
	t := &Trigger{
		Name:        d.name,
		File:        file,
		Type:        props.RequiredString("type"),
		Description: text(props, "description"),
		Annotations: array(props, "annotations"),
		Raw:         root,
	}
	switch state := text(props, "runtimeState"); {
	case equalFold(state, "Started"):
		t.Started = true
	case state != "" && !equalFold(state, "Stopped") && !equalFold(state, "Disabled"):
		props.Fail("runtimeState", "%q is none of Started, Stopped, Disabled", state)
	}
	for _, p := range props.Objects("pipelines") {
		t.Pipelines = append(t.Pipelines, triggeredPipeline(p))
	}
	if one, ok := props.Object("pipeline"); ok {
		t.Pipelines = append(t.Pipelines, triggeredPipeline(one))
	}
	tp := object(props, "typeProperties")
	t.TypeProperties = orEmpty(tp.Raw())
	if t.Is(TypeServiceBusTrigger) {
		t.ServiceBus = serviceBusTrigger(tp)
		if len(t.Pipelines) != 1 {
			props.Fail("pipelines", "names %d pipelines, a %s starts exactly one", len(t.Pipelines),
				TypeServiceBusTrigger)
		}
		props.Only("type", "description", "annotations", "runtimeState", "typeProperties", "pipelines")
	}
	return t, d.diags
}

func triggeredPipeline(n *read.Members) TriggeredPipeline {
	return TriggeredPipeline{
		Pipeline:   requiredReference(n, "pipelineReference", "PipelineReference"),
		Parameters: orEmpty(object(n, "parameters").Raw()),
	}
}

// ParseFactory reads a factory file: the name, the identity and the global
// parameters. The resources of the factory are read from files of their own.
func ParseFactory(file string, data []byte) (*Factory, Diagnostics) {
	root, ds := parse(file, data)
	if root == nil {
		return nil, ds
	}
	d := openRoot(file, root)
	f := &Factory{
		Name:             d.name,
		Identity:         object(d.root, "identity").Raw(),
		GlobalParameters: &value.Object{},
		Raw:              root,
	}
	list := object(object(d.root, "properties"), "globalParameters")
	for _, m := range list.Raw().Members() {
		if _, ok := m.Value.(*value.Object); !ok {
			list.Wrong(m.Name, m.Value, value.KindObject)
			continue
		}
		f.GlobalParameters.Set(m.Name, globalParameter(object(list, m.Name), m.Name))
	}
	return f, d.diags
}

func globalParameter(n *read.Members, name string) value.Value {
	val, ok := n.Raw().Lookup("value")
	if !ok {
		n.Fail("value", "is missing")
	}
	p := &Parameter{Name: name, Type: TypeString}
	if spelled := n.RequiredString("type"); spelled != "" {
		t, known := parameterTypes[strings.ToLower(spelled)]
		if !known || t == TypeSecureString {
			n.Fail("type", "%q is no type of a global parameter", spelled)
			return val
		}
		p.Type = t
	}
	v, err := p.Convert(val)
	if err != nil {
		n.Fail("value", "%v", err)
	}
	return v
}
