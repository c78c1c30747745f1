package provider

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// readOnly are members of objects that are inputs otherwise, which the service
// sets: they are no drift.
var readOnly = words(
	"principalId tenantId encryptedCredential lastPublishTime runtimeState provisioningState")

// imported makes the inputs of a resource that no program had: what the service
// answered, without what it answers when an input is missing.
func (k *kind) imported(outputs resource.PropertyMap, params map[string]string) resource.PropertyMap {
	in := resource.PropertyMap{}
	for _, name := range k.inputs {
		key := resource.PropertyKey(name)
		v, ok := outputs[key]
		if !ok || k.isDefault(name, v) {
			continue
		}
		in[key] = k.writable(v)
	}
	for name, v := range params {
		in[resource.PropertyKey(name)] = resource.NewStringProperty(v)
	}
	return in
}

func (k *kind) isDefault(name string, v resource.PropertyValue) bool {
	d, ok := k.defaults[name]
	return ok && resource.NewPropertyValue(d).DeepEquals(v)
}

// writable takes the service's own members off an object.
func (k *kind) writable(v resource.PropertyValue) resource.PropertyValue {
	if !v.IsObject() {
		return v
	}
	o := resource.PropertyMap{}
	for name, m := range v.ObjectValue() {
		if !slices.Contains(readOnly, string(name)) || name == "runtimeState" && isServiceBusTrigger(v) {
			o[name] = m
		}
	}
	return resource.NewObjectProperty(o)
}

// isServiceBusTrigger: only Switchyard's own trigger takes its state from its
// definition.
func isServiceBusTrigger(v resource.PropertyValue) bool {
	t := v.ObjectValue()["type"]
	return t.IsString() && t.StringValue() == "ServiceBusTrigger"
}

// drift makes the inputs of a resource that somebody changed: those it had, with
// what changed from the outputs then to the outputs now. What the program did not
// say and the service set stays out.
func (k *kind) drift(inputs, then, now resource.PropertyMap) resource.PropertyMap {
	out := inputs.Copy()
	for _, name := range k.inputs {
		key := resource.PropertyKey(name)
		before, after := then[key], now[key]
		if before.DeepEquals(after) {
			continue
		}
		in, had := inputs[key]
		switch {
		case after.V == nil:
			delete(out, key)
		case had:
			out[key] = merge(in, before, after)
		case !k.isDefault(name, after):
			out[key] = k.writable(after)
		}
	}
	return out
}

// merge is in with what changed between before and after.
func merge(in, before, after resource.PropertyValue) resource.PropertyValue {
	if before.DeepEquals(after) {
		return in
	}
	if in.IsSecret() {
		return resource.MakeSecret(merge(in.SecretValue().Element, before, after))
	}
	switch {
	case in.IsObject() && before.IsObject() && after.IsObject():
		out := in.ObjectValue().Copy()
		was, is := before.ObjectValue(), after.ObjectValue()
		for name := range was {
			if _, ok := is[name]; !ok {
				delete(out, name)
			}
		}
		for name, v := range is {
			old, had := in.ObjectValue()[name]
			switch {
			case had:
				out[name] = merge(old, was[name], v)
			case !v.DeepEquals(was[name]) && !slices.Contains(readOnly, string(name)):
				out[name] = v
			}
		}
		return resource.NewObjectProperty(out)
	case in.IsArray() && before.IsArray() && after.IsArray():
		a, b, c := in.ArrayValue(), before.ArrayValue(), after.ArrayValue()
		out := make([]resource.PropertyValue, len(c))
		for i := range c {
			if i < len(a) && i < len(b) {
				out[i] = merge(a[i], b[i], c[i])
			} else {
				out[i] = c[i]
			}
		}
		return resource.NewArrayProperty(out)
	}
	return after
}
