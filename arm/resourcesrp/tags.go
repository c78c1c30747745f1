package resourcesrp

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/commit"
	"switchyard/value"
)

// rawTags encodes tags for a record.
func rawTags(o *value.Object) json.RawMessage {
	if o.Len() == 0 {
		return nil
	}
	return value.Append(nil, o)
}

// tagsOf decodes tags of a record; none are an empty object.
func tagsOf(raw json.RawMessage) *value.Object {
	if v, err := value.Parse(raw); err == nil {
		if o, ok := v.(*value.Object); ok {
			return o
		}
	}
	return value.NewObject()
}

// handleTags answers for {scope}/providers/Microsoft.Resources/tags/default
// [ARM 5.4].
func (p *Resources) handleTags(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Collection || r.Action != "" {
		return nil, notFound(r)
	}
	if !strings.EqualFold(r.ID.Names[0], "default") {
		return nil, arm.Errorf(http.StatusNotFound, "NotFound",
			"The tags of a scope are called 'default', not '%s'.", r.ID.Names[0])
	}
	tags, err := p.tagsAt(ctx, r)
	if err != nil {
		return nil, err
	}
	switch r.Method {
	case http.MethodGet:
		return arm.OK(tagsObject(r, tags)), nil
	case http.MethodDelete:
		if err := p.setTags(ctx, r, value.NewObject()); err != nil {
			return nil, err
		}
		return arm.OK(nil), nil
	case http.MethodPut, http.MethodPatch:
	default:
		return nil, arm.MethodNotAllowed(r)
	}
	body := arm.Read(r.Body, arm.InvalidContent)
	operation, _ := body.String("operation")
	props, _ := body.Object("properties")
	given := props.Tags()
	props.Close()
	body.Ignore("id", "name", "type")
	body.Close()
	if err := body.Err(); err != nil {
		return nil, err
	}
	if r.Method == http.MethodPut {
		operation = "Replace"
	}
	if tags, err = mergeTags(operation, tags, given); err != nil {
		return nil, err
	}
	if err := p.setTags(ctx, r, tags); err != nil {
		return nil, err
	}
	return arm.OK(tagsObject(r, tags)), nil
}

func mergeTags(operation string, have, given *value.Object) (*value.Object, error) {
	out := value.NewObject()
	switch strings.ToLower(operation) {
	case "replace":
		out = given.Clone()
	case "merge":
		for _, m := range have.Members() {
			if _, replaced := given.Lookup(m.Name); !replaced {
				out.Set(m.Name, m.Value)
			}
		}
		for _, m := range given.Members() {
			out.Set(m.Name, m.Value)
		}
	case "delete":
		for _, m := range have.Members() {
			if v, ok := given.Lookup(m.Name); !ok || v != m.Value {
				out.Set(m.Name, m.Value)
			}
		}
	default:
		return nil, arm.InvalidContent("The operation '%s' is not Merge, Replace or Delete.", operation)
	}
	if err := arm.CheckTags(out); err != nil {
		return nil, err
	}
	return out, nil
}

func tagsObject(r *arm.Request, tags *value.Object) *value.Object {
	return object("id", r.ID.String(), "name", "default", "type", "Microsoft.Resources/tags",
		"properties", object("tags", tags))
}

// tagsAt reads the tags of the scope from the provider that keeps it.
func (p *Resources) tagsAt(ctx context.Context, r *arm.Request) (*value.Object, error) {
	scope := r.ID.ScopeID()
	switch {
	case scope.Subscription == "" && scope.Provider == "":
		return nil, notFound(r)
	case scope.ResourceGroup == "" && scope.Provider == "":
		return p.subscriptionTags(scope.Subscription)
	}
	resp, err := p.k.Dispatch(ctx, forward(r, http.MethodGet, scope, nil))
	if err != nil {
		return nil, err
	}
	v, _ := resp.Body.Get("tags")
	tags, _ := v.(*value.Object)
	return tags, nil
}

func (p *Resources) setTags(ctx context.Context, r *arm.Request, tags *value.Object) error {
	scope := r.ID.ScopeID()
	if scope.ResourceGroup == "" && scope.Provider == "" {
		return p.commit(ctx, func(u *commit.Unit) { p.putSubscriptionTags(u, scope.Subscription, tags) })
	}
	_, err := p.k.Dispatch(ctx, forward(r, http.MethodPatch, scope, object("tags", tags)))
	return err
}

// forward makes a request of the same caller to another resource.
func forward(r *arm.Request, method string, id arm.ResourceID, body *value.Object) *arm.Request {
	f := *r
	f.Method, f.ID, f.Body, f.RawBody, f.Action, f.Collection = method, id, body, nil, "", false
	f.Header, f.Query = http.Header{}, nil
	return &f
}
