package datafactoryrp

import (
	"errors"

	"switchyard/arm"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// The types and states of integration runtimes that are shown [ADF-REST 7].
const (
	typeManaged    = "Managed"
	typeSelfHosted = "SelfHosted"

	stateOnline           = "Online"
	stateOffline          = "Offline"
	stateNeedRegistration = "NeedRegistration"
)

// shown returns a definition as a GET shows it.
func (p *Provider) shown(id factory.ID, kind factory.Kind, name string) (*factory.Definition, error) {
	if kind == factory.IntegrationRuntimes {
		return p.runtime(id, name)
	}
	return p.factories.Definition(id, kind, name)
}

// runtime returns an integration runtime. The one that every factory has is there also when
// nobody has put it; lists have what was put.
func (p *Provider) runtime(id factory.ID, name string) (*factory.Definition, error) {
	d, err := p.factories.Definition(id, factory.IntegrationRuntimes, name)
	if !errors.Is(err, factory.ErrNotFound) || !equalFold(name, factory.AutoResolve) {
		return d, err
	}
	f, err := p.factories.Get(id)
	if err != nil {
		return nil, err
	}
	return &factory.Definition{Kind: factory.IntegrationRuntimes, Name: factory.AutoResolve, ETag: f.ETag, Published: f.Created,
		Properties: []byte(`{"type":"` + typeManaged + `","typeProperties":{"computeProperties":{"location":"AutoResolve"}}}`)}, nil
}

// runtimeStatus answers getStatus. Only the runtime that every factory has runs anything here:
// others are Offline, and one whose machines would have to register has none.
func (p *Provider) runtimeStatus(r *arm.Request) (*arm.Response, error) {
	id := factoryID(r)
	d, err := p.runtime(id, r.ID.Name())
	if err != nil {
		return nil, err
	}
	typ, state := typeManaged, stateOffline
	switch v, _ := parsed(d.Properties).Lookup("type"); {
	case equalFold(d.Name, factory.AutoResolve):
		state = stateOnline
	case equalFold(value.Text(v), typeSelfHosted):
		typ, state = typeSelfHosted, stateNeedRegistration
	}
	return arm.OK(value.NewObject(
		value.Member{Name: "name", Value: d.Name},
		value.Member{Name: "properties", Value: value.NewObject(
			value.Member{Name: "type", Value: typ},
			value.Member{Name: "dataFactoryName", Value: p.spelled(id).Factory},
			value.Member{Name: "state", Value: state},
			value.Member{Name: "typeProperties", Value: value.NewObject(
				value.Member{Name: "createTime", Value: value.Timestamp(d.Published)},
				value.Member{Name: "nodes", Value: value.Array{}})})})), nil
}
