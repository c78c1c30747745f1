package provider

import (
	"fmt"
	"slices"
)

// shape says how the polymorphic objects of Data Factory are flattened for programs:
// members that are not kept stand below typeProperties in a body. Objects of one of
// Switchyard's own types are not known to the vendor's plugin, which passes them on
// as they are; so does this one.
type shape struct {
	keep []string
	// within names the members of typeProperties that hold objects of this shape again.
	within []string
	// nested names the types for which the vendor's package has typeProperties itself.
	nested []string
	// list names the input that holds a list of such objects; "" when the input
	// properties is one itself.
	list string
}

var (
	pipelineShape = &shape{list: "activities",
		keep: words(
			"name type description dependsOn userProperties policy linkedServiceName inputs outputs state onInactiveMarkAs"),
		within: words("activities ifTrueActivities ifFalseActivities defaultActivities cases")}
	datasetShape = &shape{
		keep: words("type description linkedServiceName parameters annotations folder schema structure")}
	linkedServiceShape      = &shape{keep: words("type version description connectVia parameters annotations"), nested: words("Web")}
	triggerShape            = &shape{keep: words("type description annotations pipelines pipeline runtimeState")}
	dataFlowShape           = &shape{keep: words("type description annotations folder")}
	integrationRuntimeShape = &shape{keep: words("type description managedVirtualNetwork state")}
	credentialShape         = &shape{keep: words("type description annotations")}
)

// extensions are the types that only Switchyard has.
var extensions = words("AzureServiceBus ServiceBusTrigger ServiceBusSend ServiceBusSettle")

// foreign says that an object is passed on as it is.
func (s *shape) foreign(o map[string]any) bool {
	t, _ := o["type"].(string)
	return slices.Contains(extensions, t) || slices.Contains(s.nested, t)
}

// nest turns a program's object into Resource Manager's. The path is for errors.
func (s *shape) nest(o map[string]any, path string) (map[string]any, error) {
	if s.foreign(o) {
		return o, nil
	}
	if _, ok := o["typeProperties"]; ok {
		return nil, fmt.Errorf(
			"%s.typeProperties: azure-native takes the members of typeProperties beside type, not below typeProperties",
			path)
	}
	out, inner := map[string]any{}, map[string]any{}
	for name, v := range o {
		if slices.Contains(s.keep, name) {
			out[name] = v
			continue
		}
		if slices.Contains(s.within, name) {
			var err error
			if v, err = s.each(v, path+"."+name, s.nest); err != nil {
				return nil, err
			}
		}
		inner[name] = v
	}
	if len(inner) > 0 {
		out["typeProperties"] = inner
	}
	return out, nil
}

// flatten is the inverse of nest.
func (s *shape) flatten(o map[string]any, path string) (map[string]any, error) {
	inner, ok := o["typeProperties"].(map[string]any)
	if s.foreign(o) || !ok {
		return o, nil
	}
	out := map[string]any{}
	for name, v := range inner {
		if slices.Contains(s.within, name) {
			var err error
			if v, err = s.each(v, path+"."+name, s.flatten); err != nil {
				return nil, err
			}
		}
		out[name] = v
	}
	for name, v := range o {
		if name != "typeProperties" {
			out[name] = v
		}
	}
	return out, nil
}

// each applies f to the objects of a list; the objects of a Switch's cases have
// their activities one level deeper.
func (s *shape) each(v any, path string,
	f func(map[string]any, string) (map[string]any, error)) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return v, nil // the service says what is wrong with it
	}
	out := make([]any, len(list))
	for i, item := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		o, ok := item.(map[string]any)
		if !ok {
			out[i] = item
			continue
		}
		if inner, isCase := o["activities"]; isCase && o["type"] == nil && o["name"] == nil {
			c := map[string]any{}
			for k, v := range o {
				c[k] = v
			}
			var err error
			if c["activities"], err = s.each(inner, at+".activities", f); err != nil {
				return nil, err
			}
			out[i] = c
			continue
		}
		n, err := f(o, at)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// body makes the request body of a resource from its inputs.
func (k *kind) body(inputs map[string]any) (map[string]any, error) {
	out, properties := map[string]any{}, map[string]any{}
	for name, v := range inputs {
		switch {
		case k.isParam(name):
		case isTop(name):
			out[name] = v
		case k.explicit && name == "properties":
			o, ok := v.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s: properties is %T, not an object", k.token, v)
			}
			if k.shape != nil {
				var err error
				if o, err = k.shape.nest(o, "properties"); err != nil {
					return nil, err
				}
			}
			out["properties"] = o
		case k.shape != nil && k.shape.list == name:
			list, err := k.shape.each(v, name, k.shape.nest)
			if err != nil {
				return nil, err
			}
			properties[name] = list
		default:
			properties[name] = v
		}
	}
	if !k.explicit {
		out["properties"] = properties
	}
	return out, nil
}

// outputsOf makes a resource's outputs from what the service answered. Members that
// the vendor's SDKs do not have are left out, as are nulls.
func (k *kind) outputsOf(body map[string]any, params map[string]string, apiVersion string) (
	map[string]any, error) {
	flat := map[string]any{}
	properties, _ := body["properties"].(map[string]any)
	if k.explicit {
		if k.shape != nil {
			var err error
			if properties, err = k.shape.flatten(properties, "properties"); err != nil {
				return nil, err
			}
		}
		flat["properties"] = properties
	} else {
		for name, v := range properties {
			if k.shape != nil && k.shape.list == name {
				var err error
				if v, err = k.shape.each(v, name, k.shape.flatten); err != nil {
					return nil, err
				}
			}
			flat[name] = v
		}
	}
	for name, v := range body {
		if name != "properties" {
			flat[name] = v
		}
	}
	out := map[string]any{"azureApiVersion": apiVersion}
	for _, names := range [][]string{k.inputs, k.outputs} {
		for _, name := range names {
			if v, ok := flat[name]; ok && v != nil {
				out[name] = v
			}
		}
	}
	if _, ok := out["name"]; !ok && k.name != "" {
		out["name"] = params[k.name]
	}
	return out, nil
}
