package datafactoryrp

import (
	"context"
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// factory answers [ADF-REST 4], and the lists of factories.
func (p *Provider) factory(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Collection {
		if r.Method != http.MethodGet {
			return nil, arm.MethodNotAllowed(r)
		}
		var all listing
		for _, f := range p.factories.List(r.ID.Subscription, r.ID.ResourceGroup) {
			all.add(f.ID.Factory, factoryText(f))
		}
		return all.page(r)
	}
	id := factoryID(r)
	switch r.Method {
	case http.MethodGet:
		f, err := p.factories.Get(id)
		if err != nil {
			return nil, err
		}
		if r.NotModified(f.ETag) {
			return &arm.Response{Status: http.StatusNotModified}, nil
		}
		return reply(factoryText(f)), nil
	case http.MethodPut:
		location, err := arm.ReadLocation(r.Body, r.ID.Type())
		if err != nil {
			return nil, err
		}
		if err := checkFactory(r.Body); err != nil {
			return nil, err
		}
		in := input(r)
		in.Location = location
		f, before, err := p.putFactory(ctx, r, in)
		if err != nil {
			return nil, err
		}
		resp := reply(factoryText(f))
		resp.Warnings = factoryWarnings(f, before)
		return resp, nil
	case http.MethodPatch:
		f, err := p.factories.PatchFactory(ctx, id, input(r), r.Precondition)
		if err != nil {
			return nil, err
		}
		return reply(factoryText(f)), nil
	case http.MethodDelete:
		existed, err := p.factories.DeleteFactory(ctx, id, r.Precondition)
		if err != nil {
			return nil, err
		}
		return arm.Deleted(existed), nil
	}
	return nil, arm.MethodNotAllowed(r)
}

// putFactory puts a factory into a group that is not being deleted. before is the factory as it
// was, nil if there was none.
func (p *Provider) putFactory(ctx context.Context, r *arm.Request, in factory.Input) (
	f, before *factory.Resource, err error) {
	p.creating.RLock()
	defer p.creating.RUnlock()
	if err := p.k.CheckGroup(r.ID); err != nil {
		return nil, nil, err
	}
	// Nobody else changes the factory between the check and the change.
	check := func(exists bool, etag string) error {
		if exists {
			before, _ = p.factories.Get(factoryID(r))
		}
		return r.Precondition(exists, etag)
	}
	f, err = p.factories.PutFactory(ctx, factoryID(r), in, check)
	return f, before, err
}

// rawBody is the body as it was sent; a request of another provider has only
// what it stands for.
func rawBody(r *arm.Request) []byte {
	if len(r.RawBody) == 0 && r.Body != nil {
		return value.Append(nil, r.Body)
	}
	return r.RawBody
}

func input(r *arm.Request) factory.Input {
	return factory.Input{
		Tags:       factory.Member(rawBody(r), "tags"),
		Identity:   factory.Member(rawBody(r), "identity"),
		Properties: factory.Member(rawBody(r), "properties"),
	}
}

// definition answers GET, PUT, DELETE and the list of one kind.
func (p *Provider) definition(ctx context.Context, r *arm.Request, kind factory.Kind) (*arm.Response, error) {
	id := factoryID(r)
	if r.Collection {
		if r.Method != http.MethodGet {
			return nil, arm.MethodNotAllowed(r)
		}
		list, err := p.factories.Definitions(id, kind)
		if err != nil {
			return nil, err
		}
		id = p.spelled(id)
		var all listing
		for _, d := range list {
			all.add(d.Name, definitionText(id, d, true))
		}
		return all.page(r)
	}
	name := r.ID.Name()
	switch r.Method {
	case http.MethodGet:
		d, err := p.shown(id, kind, name)
		if err != nil {
			return nil, err
		}
		if !always200[kind] && r.NotModified(d.ETag) {
			return &arm.Response{Status: http.StatusNotModified}, nil
		}
		return reply(definitionText(p.spelled(id), d, true)), nil
	case http.MethodPut:
		properties, err := readProperties(r)
		if err != nil {
			return nil, err
		}
		d, err := p.factories.Put(ctx, id, kind, name, properties, r.Precondition)
		if err != nil {
			return nil, err
		}
		resp := reply(definitionText(p.spelled(id), d, false))
		resp.Warnings = p.warnings(id, kind, d)
		return resp, nil
	case http.MethodDelete:
		if kind == factory.ManagedVirtualNetworks {
			return nil, arm.MethodNotAllowed(r) // [ADF-REST 3] has none
		}
		existed, err := p.factories.Delete(ctx, id, kind, name, r.Precondition)
		if err != nil {
			return nil, err
		}
		return arm.Deleted(existed), nil
	case http.MethodPatch:
		return nil, refused(r)
	}
	return nil, arm.MethodNotAllowed(r)
}

// always200 has the kinds whose GET is always answered with the resource: [ADF-REST 3] knows no
// 304 for them, and the typed clients take one for an error.
var always200 = map[factory.Kind]bool{factory.DataFlows: true, factory.ManagedVirtualNetworks: true}

// readProperties reads the body of a PUT of what is in a factory.
func readProperties(r *arm.Request) (factory.Document, error) {
	if r.Body == nil {
		return factory.Document{}, arm.InvalidContent(
			"The request content is missing; it must be a JSON object with the member properties.")
	}
	if v, ok := r.Body.Lookup("name"); ok && v != nil {
		if name, isText := v.(string); !isText || !equalFold(name, r.ID.Name()) {
			return factory.Document{}, arm.BadRequest("The name in the body, %s, is not the one in the path, '%s'.",
				value.Append(nil, v), r.ID.Name())
		}
	}
	text := factory.Member(rawBody(r), "properties")
	if text == nil {
		e := arm.BadRequest("The member properties is missing.")
		e.Target = "$.properties"
		return factory.Document{}, e
	}
	v, _ := r.Body.Lookup("properties")
	return factory.Document{Text: text, Value: v}, nil
}

// spelled returns an ID with the names as they were created.
func (p *Provider) spelled(id factory.ID) factory.ID {
	if f, err := p.factories.Get(id); err == nil {
		return f.ID
	}
	return id // deleted meanwhile
}

// globalParameters answers the one child that is a member of the factory: default.
func (p *Provider) globalParameters(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Action != "" || len(r.ID.Types) > 2 {
		return nil, refused(r)
	}
	f, err := p.factories.Get(factoryID(r))
	if err != nil {
		return nil, err
	}
	text := func(f *factory.Resource) []byte {
		id := resourceID(f.ID).Child("globalParameters", "default").String()
		return childText(id, "default", "globalParameters",
			factory.Member(f.Properties, "globalParameters"), f.ETag)
	}
	exists := factory.Member(f.Properties, "globalParameters") != nil
	if r.Collection {
		var all listing
		if exists {
			all.add("default", text(f))
		}
		return all.page(r)
	}
	if !equalFold(r.ID.Name(), "default") {
		if r.Method == http.MethodPut {
			return nil, arm.BadRequest(
				"The global parameters of a data factory are one resource of the name 'default', not '%s'.", r.ID.Name())
		}
		exists = false
	}
	switch r.Method {
	case http.MethodGet:
		if !exists {
			return nil, arm.Errorf(http.StatusNotFound, "GlobalParameterNotFound",
				"The global parameters '%s' were not found in data factory '%s'.", r.ID.Name(), f.ID.Factory)
		}
		return reply(text(f)), nil
	case http.MethodPut:
		properties, err := readProperties(r)
		if err != nil {
			return nil, err
		}
		if f, err = p.factories.PutGlobalParameters(ctx, f.ID, properties.Text, r.Precondition); err != nil {
			return nil, err
		}
		return reply(text(f)), nil
	case http.MethodDelete:
		if exists {
			if _, err = p.factories.PutGlobalParameters(ctx, f.ID, nil, r.Precondition); err != nil {
				return nil, err
			}
		}
		return arm.Deleted(exists), nil
	}
	return nil, arm.MethodNotAllowed(r)
}

// checkFactory refuses members of the body of a PUT that a factory does not have. What
// is read-only may stand there: clients put what they have read.
func checkFactory(body *value.Object) error {
	b := arm.Read(body, arm.BadRequest)
	b.Ignore("location", "tags", "identity", "properties", "id", "name", "type", "eTag", "systemData")
	for _, m := range body.Members() {
		if list, ok := m.Value.(value.Array); ok && len(list) == 0 {
			b.Ignore(m.Name) // it says nothing
		}
	}
	b.Close()
	return b.Err()
}

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }
