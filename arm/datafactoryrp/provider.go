package datafactoryrp

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"switchyard/arm"
	"switchyard/commit"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// Namespace is the provider's name, APIVersion the only version that Data
// Factory ever had.
const (
	Namespace  = "Microsoft.DataFactory"
	APIVersion = "2018-06-01"
)

// Provider is the resource provider. It implements [arm.Provider] and
// [arm.Binder].
type Provider struct {
	factories *factory.Manager
	runs      Runs
	k         *arm.Kernel // set by Bind
	// creating is held for reading while a factory is put, after the group was
	// seen to be there; DeleteGroup waits for those.
	creating sync.RWMutex
}

// New returns a provider.
func New(m *factory.Manager, runs Runs) *Provider { return &Provider{factories: m, runs: runs} }

// Namespace implements [arm.Provider].
func (p *Provider) Namespace() string { return Namespace }

// Types implements [arm.Provider]. Types that are refused are there too, so that
// the refusal can name them.
func (p *Provider) Types() []arm.TypeInfo {
	types := []arm.TypeInfo{{Type: "factories", Tracked: true}, {Type: "locations"}, {Type: "operations"}}
	for _, t := range []string{
		"pipelines", "datasets", "linkedservices", "triggers", "triggers/triggerRuns", "dataflows", "credentials",
		"globalParameters", "integrationRuntimes", "integrationRuntimes/nodes",
		"integrationRuntimes/outboundNetworkDependenciesEndpoints", "managedVirtualNetworks",
		"managedVirtualNetworks/managedPrivateEndpoints", "pipelineruns", "privateEndPointConnections",
		"privateLinkResources", "adfcdcs", "adfcdcs/status",
	} {
		types = append(types, arm.TypeInfo{Type: "factories/" + t})
	}
	for i := range types {
		types[i].APIVersions = []string{APIVersion}
	}
	return types
}

// Bind implements [arm.Binder]: what other providers keep about a resource goes
// with it.
func (p *Provider) Bind(k *arm.Kernel) {
	p.k = k
	p.factories.OnDelete(func(u *commit.Unit, id factory.ID, kind factory.Kind, name string) {
		rid := resourceID(id)
		if name != "" {
			rid = rid.Child(typeInID[kind], name)
		}
		k.DeleteScope(u, rid)
	})
}

// DeleteGroup implements [arm.Provider].
func (p *Provider) DeleteGroup(ctx context.Context, subscription, group string) error {
	p.creating.Lock() // a request that comes now sees that the group is being deleted
	//lint:ignore SA2001 waiting is the point
	p.creating.Unlock()
	for _, r := range p.factories.List(subscription, group) {
		if _, err := p.factories.DeleteFactory(ctx, r.ID, nil); err != nil {
			return err
		}
	}
	return nil
}

// GroupResources implements [arm.Provider].
func (p *Provider) GroupResources(subscription, group string) []*value.Object {
	var out []*value.Object
	for _, r := range p.factories.List(subscription, group) {
		o := parsed(factoryText(r))
		props, _ := o.Get("properties")
		state, _ := props.(*value.Object).Get("provisioningState")
		item := &value.Object{}
		for _, name := range []string{"id", "name", "type", "location", "tags", "identity"} {
			if v, ok := o.Get(name); ok {
				item.Set(name, v)
			}
		}
		item.Set("createdTime", value.Timestamp(r.Created))
		item.Set("changedTime", value.Timestamp(r.Changed))
		item.Set("provisioningState", state)
		out = append(out, item)
	}
	return out
}

// Handle implements [arm.Provider].
func (p *Provider) Handle(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	resp, err := p.route(ctx, r)
	if err != nil {
		return nil, translate(r, err)
	}
	return resp, nil
}

func (p *Provider) route(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	types := r.ID.Types
	switch {
	case strings.EqualFold(types[0], "operations") && r.Collection:
		return arm.OK(operations()), nil
	case !strings.EqualFold(types[0], "factories"):
		return nil, refused(r) // locations/{l}/configureFactoryRepo, getFeatureValue
	case len(types) == 1 && r.Action != "":
		return p.factoryAction(ctx, r)
	case len(types) == 1:
		return p.factory(ctx, r)
	}
	switch strings.ToLower(types[1]) {
	case "pipelineruns":
		return p.pipelineRun(ctx, r)
	case "globalparameters":
		return p.globalParameters(ctx, r)
	}
	kind, ok := factory.ParseKind(types[1])
	if kind == factory.Triggers && ok && len(types) == 3 && r.Action != "" && strings.EqualFold(types[2], "triggerRuns") {
		return p.triggerRunAction(ctx, r)
	}
	switch {
	case !ok || len(types) > 2:
		return nil, refused(r)
	case r.Action != "":
		return p.definitionAction(ctx, r, kind)
	}
	return p.definition(ctx, r, kind)
}

// factoryAction answers the POSTs to a factory.
func (p *Provider) factoryAction(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Method != http.MethodPost {
		return nil, arm.MethodNotAllowed(r)
	}
	switch r.Action {
	case "querypipelineruns":
		return p.queryPipelineRuns(r)
	case "querytriggerruns":
		return p.queryTriggerRuns(r)
	case "querytriggers":
		return p.queryTriggers(r)
	}
	return nil, refused(r)
}

// definitionAction answers the POSTs to what is in a factory.
func (p *Provider) definitionAction(ctx context.Context, r *arm.Request, kind factory.Kind) (
	*arm.Response, error) {
	switch {
	case r.Method != http.MethodPost:
		return nil, arm.MethodNotAllowed(r)
	case kind == factory.Pipelines && r.Action == "createrun":
		return p.createRun(ctx, r)
	case kind == factory.Triggers:
		return p.triggerAction(ctx, r)
	case kind == factory.IntegrationRuntimes && r.Action == "getstatus":
		return p.runtimeStatus(r)
	}
	return nil, refused(r)
}

// factoryID is the factory that a request is about.
func factoryID(r *arm.Request) factory.ID {
	return factory.ID{Subscription: r.ID.Subscription, ResourceGroup: r.ID.ResourceGroup, Factory: r.ID.Names[0]}
}

// translate gives the errors of the domain their status and code.
func translate(r *arm.Request, err error) error {
	var done *arm.Error
	var e *factory.Error
	if errors.As(err, &done) {
		return done
	}
	if !errors.As(err, &e) {
		return runsError(err)
	}
	row := errorTable[e.Kind]
	if row.status == 0 {
		return err // a kind that the table lacks; a test walks it
	}
	out := arm.Errorf(row.status, row.code, "%s", e.Message)
	switch e.Kind {
	case factory.ErrFactoryNotFound:
		parent := r.ID
		parent.Types, parent.Names = parent.Types[:1], parent.Names[:1]
		if r.Method == http.MethodPut && len(r.ID.Types) > 1 {
			return arm.ParentNotFound(parent)
		}
		return arm.ResourceNotFound(parent)
	case factory.ErrNotFound:
		out.Code = notFoundCode(r)
	}
	out.Target = e.Target
	for i, d := range e.Diagnostics {
		if i == maxDetails {
			break
		}
		out.Details = append(out.Details, arm.Error{Code: row.code, Message: d.Message, Target: d.Path})
	}
	if len(out.Details) > 0 {
		out.Target = out.Details[0].Target
	}
	if len(out.Details) == 1 {
		out.Details = nil
	}
	return out
}

// maxDetails bounds how many mistakes one answer tells.
const maxDetails = 50

// errorTable is [ADF-REST 2] and [ARM 3].
var errorTable = map[error]struct {
	status int
	code   string
}{
	factory.ErrFactoryNotFound:   {http.StatusNotFound, "ResourceNotFound"},
	factory.ErrNotFound:          {http.StatusNotFound, "NotFound"},
	factory.ErrInvalid:           {http.StatusBadRequest, "BadRequest"},
	factory.ErrMissingReference:  {http.StatusBadRequest, "BadRequest"},
	factory.ErrReferenced:        {http.StatusBadRequest, "BadRequest"},
	factory.ErrTriggerStarted:    {http.StatusBadRequest, "TriggerEnabledCannotUpdate"},
	factory.ErrTriggerNotStarted: {http.StatusBadRequest, "BadRequest"},
	factory.ErrWindowStart:       {http.StatusBadRequest, "TumblingWindowTriggerStartTimeUpdateNotAllowed"},
	factory.ErrWindowFrequency:   {http.StatusBadRequest, "TumblingWindowTriggerFrequencyOrIntervalUpdateNotAllowed"},
	factory.ErrNameInUse:         {http.StatusConflict, "DataFactoryNameInUse"},
	factory.ErrLocation:          {http.StatusConflict, "InvalidResourceLocation"},
	factory.ErrDeleting:          {http.StatusConflict, "Conflict"},
	factory.ErrNotSupported:      {http.StatusBadRequest, "NotSupported"},
}

func notFoundCode(r *arm.Request) string {
	if len(r.ID.Types) > 1 {
		if kind, ok := factory.ParseKind(r.ID.Types[1]); ok {
			return notFoundCodes[kind]
		}
	}
	return "NotFound"
}

var notFoundCodes = map[factory.Kind]string{
	factory.Pipelines:              "PipelineNotFound",
	factory.Datasets:               "DatasetNotFound",
	factory.LinkedServices:         "LinkedServiceNotFound",
	factory.Triggers:               "TriggerNotFound",
	factory.DataFlows:              "DataFlowNotFound",
	factory.IntegrationRuntimes:    "IntegrationRuntimeNotFound",
	factory.Credentials:            "CredentialNotFound",
	factory.ManagedVirtualNetworks: "ManagedVirtualNetworkNotFound",
}

// operations is what the provider can be asked for, as role definitions name it.
func operations() *value.Object {
	list := value.Array{}
	add := func(resource, name string) {
		list = append(list, value.NewObject(
			value.Member{Name: "name", Value: Namespace + "/" + name},
			value.Member{Name: "display", Value: value.NewObject(
				value.Member{Name: "provider", Value: "Microsoft Data Factory"},
				value.Member{Name: "resource", Value: resource},
				value.Member{Name: "operation", Value: name[strings.LastIndex(name, "/")+1:]})}))
	}
	for _, verb := range []string{"read", "write", "delete"} {
		add("factories", "factories/"+verb)
		for _, k := range factory.Kinds() {
			add(typeInID[k], "factories/"+typeInID[k]+"/"+verb)
		}
		add("globalParameters", "factories/globalParameters/"+verb)
	}
	add("pipelines", "factories/pipelines/createrun/action")
	add("pipelineruns", "factories/pipelineruns/read")
	add("pipelineruns", "factories/pipelineruns/cancel/action")
	add("triggers", "factories/triggers/start/action")
	add("triggers", "factories/triggers/stop/action")
	add("triggers", "factories/triggers/triggerruns/rerun/action")
	add("triggers", "factories/triggers/triggerruns/cancel/action")
	add("integrationRuntimes", "factories/integrationRuntimes/getStatus/action")
	return value.NewObject(value.Member{Name: "value", Value: list})
}
