package provider

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Diff compares the inputs. A change of the path or the location replaces the
// resource, before the old one is deleted unless both would have one ID.
func (s *Server) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, _, err := kindOf(typeOf(req.GetType(), req.GetUrn()))
	if err != nil {
		return nil, status.Error(codes.Unimplemented, err.Error())
	}
	outputs, err := properties(req.GetOlds(), "olds")
	if err != nil {
		return nil, err
	}
	olds, err := properties(req.GetOldInputs(), "old inputs")
	if err != nil {
		return nil, err
	}
	news, err := properties(req.GetNews(), "news")
	if err != nil {
		return nil, err
	}
	from, to := openMap(olds), openMap(news)
	k.level(from, to, openMap(outputs))
	for _, path := range req.GetIgnoreChanges() {
		p, err := resource.ParsePropertyPath(path)
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "ignoreChanges %q: %v", path, err)
		}
		p.Reset(from, to)
	}
	d := diffOf(from, to, func(path string) bool {
		return k.isParam(path) || path == "location" || slices.Contains(k.replace, path)
	})
	before := len(d.replaces) > 0 && sameID(k, logicalName(req.GetName(), req.GetUrn()), from, to)
	return d.response(before), nil
}

// level takes out differences that are none: names and locations that differ in
// spelling only, and inputs that are new to the program but what the resource has
// anyway.
func (k *kind) level(from, to, outputs resource.PropertyMap) {
	for key, v := range to {
		name := string(key)
		old, had := from[key]
		switch {
		case !had:
			if !k.isParam(name) && v.DeepEquals(outputs[key]) {
				delete(to, key)
			}
		case !old.IsString() || !v.IsString():
		case name == "location" && region(old.StringValue()) == region(v.StringValue()),
			k.isParam(name) && strings.EqualFold(old.StringValue(), v.StringValue()):
			to[key] = old
		}
	}
}

// region is the short form of a location: West Europe is westeurope.
func region(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }

// sameID says that a replacement would have the ID of what it replaces.
func sameID(k *kind, logical string, from, to resource.PropertyMap) bool {
	for _, p := range k.params {
		a, b := from[resource.PropertyKey(p)], to[resource.PropertyKey(p)]
		if !a.IsString() || !b.IsString() || !strings.EqualFold(a.StringValue(), b.StringValue()) {
			return false
		}
		if p == k.name && madeName(k, logical, b.StringValue()) {
			return false
		}
	}
	return true
}

// changes is what two sets of inputs differ in.
type changes struct {
	detailed map[string]*pulumirpc.PropertyDiff
	diffs    []string // top-level names
	replaces []string // of these, those that replace
}

// diffOf compares two maps without secrets; a path is as in a.b[2].c.
func diffOf(from, to resource.PropertyMap, replace func(top string) bool) changes {
	c := changes{detailed: map[string]*pulumirpc.PropertyDiff{}}
	var names []string
	for k := range from {
		names = append(names, string(k))
	}
	for k := range to {
		if _, ok := from[k]; !ok {
			names = append(names, string(k))
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if isForeign(name) {
			continue
		}
		n := len(c.detailed)
		key := resource.PropertyKey(name)
		c.compare(name, from[key], to[key], replace(name))
		if len(c.detailed) == n {
			continue
		}
		c.diffs = append(c.diffs, name)
		if replace(name) {
			c.replaces = append(c.replaces, name)
		}
	}
	return c
}

func (c *changes) compare(path string, a, b resource.PropertyValue, replace bool) {
	none := func(v resource.PropertyValue) bool { return v.V == nil }
	switch {
	case none(a) && none(b):
	case none(a):
		c.add(path, pulumirpc.PropertyDiff_ADD, replace)
	case none(b):
		c.add(path, pulumirpc.PropertyDiff_DELETE, replace)
	case a.IsObject() && b.IsObject():
		ao, bo := a.ObjectValue(), b.ObjectValue()
		for k, v := range ao {
			c.compare(member(path, string(k)), v, bo[k], replace)
		}
		for k, v := range bo {
			if _, ok := ao[k]; !ok {
				c.compare(member(path, string(k)), resource.PropertyValue{}, v, replace)
			}
		}
	case a.IsArray() && b.IsArray():
		al, bl := a.ArrayValue(), b.ArrayValue()
		for i := range max(len(al), len(bl)) {
			var x, y resource.PropertyValue
			if i < len(al) {
				x = al[i]
			}
			if i < len(bl) {
				y = bl[i]
			}
			c.compare(fmt.Sprintf("%s[%d]", path, i), x, y, replace)
		}
	case a.IsComputed() || b.IsComputed() || !reflect.DeepEqual(a.V, b.V):
		c.add(path, pulumirpc.PropertyDiff_UPDATE, replace)
	}
}

// member is the path of a member; names that are no identifiers are quoted.
func member(path, name string) string {
	if strings.ContainsAny(name, `.[]" `) {
		return fmt.Sprintf("%s[%q]", path, name)
	}
	return path + "." + name
}

func (c *changes) add(path string, kind pulumirpc.PropertyDiff_Kind, replace bool) {
	if replace {
		kind++ // each kind is followed by its replacing form
	}
	c.detailed[path] = &pulumirpc.PropertyDiff{Kind: kind, InputDiff: true}
}

func (c changes) response(deleteBeforeReplace bool) *pulumirpc.DiffResponse {
	r := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, HasDetailedDiff: true,
		DetailedDiff: c.detailed, Diffs: c.diffs, Replaces: c.replaces,
		DeleteBeforeReplace: deleteBeforeReplace}
	if len(c.detailed) > 0 {
		r.Changes = pulumirpc.DiffResponse_DIFF_SOME
	}
	return r
}
