package provider

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"google.golang.org/protobuf/types/known/structpb"
)

// properties reads a message's struct, with secrets and unknown values kept.
func properties(s *structpb.Struct, label string) (resource.PropertyMap, error) {
	return plugin.UnmarshalProperties(s, plugin.MarshalOptions{Label: label, KeepUnknowns: true,
		KeepSecrets: true, SkipNulls: true, RejectAssets: true})
}

func message(m resource.PropertyMap, label string) (*structpb.Struct, error) {
	return plugin.MarshalProperties(m,
		plugin.MarshalOptions{Label: label, KeepUnknowns: true, KeepSecrets: true, SkipNulls: true})
}

// open takes secrets and outputs off a value, at every depth. The result is for
// comparing; nothing made of it may leave without cover.
func open(v resource.PropertyValue) resource.PropertyValue {
	switch {
	case v.IsSecret():
		return open(v.SecretValue().Element)
	case v.IsOutput():
		if o := v.OutputValue(); o.Known {
			return open(o.Element)
		}
		return resource.MakeComputed(resource.NewStringProperty(""))
	case v.IsArray():
		list := make([]resource.PropertyValue, len(v.ArrayValue()))
		for i, item := range v.ArrayValue() {
			list[i] = open(item)
		}
		return resource.NewArrayProperty(list)
	case v.IsObject():
		return resource.NewObjectProperty(openMap(v.ObjectValue()))
	}
	return v
}

func openMap(m resource.PropertyMap) resource.PropertyMap {
	out := resource.PropertyMap{}
	for k, v := range m {
		if v = open(v); !v.IsNull() {
			out[k] = v
		}
	}
	return out
}

// plain turns properties into JSON values. An unknown value is an error: the engine
// has none when it is not previewing.
func plain(m resource.PropertyMap) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for k, v := range openMap(m) {
		p, err := plainValue(v, string(k))
		if err != nil {
			return nil, err
		}
		out[string(k)] = p
	}
	return out, nil
}

func plainValue(v resource.PropertyValue, path string) (any, error) {
	switch {
	case v.IsComputed():
		return nil, fmt.Errorf("%s is not known", path)
	case v.IsArray():
		list := make([]any, len(v.ArrayValue()))
		for i, item := range v.ArrayValue() {
			p, err := plainValue(item, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			list[i] = p
		}
		return list, nil
	case v.IsObject():
		o := make(map[string]any, len(v.ObjectValue()))
		for k, item := range v.ObjectValue() {
			p, err := plainValue(item, path+"."+string(k))
			if err != nil {
				return nil, err
			}
			o[string(k)] = p
		}
		return o, nil
	case v.IsNull():
		return nil, nil
	case v.IsBool(), v.IsNumber(), v.IsString():
		return v.V, nil
	}
	return nil, fmt.Errorf("%s: a value of type %s has no JSON form", path, v.TypeString())
}

// unknown is a value that only the service knows.
func unknown() resource.PropertyValue {
	return resource.MakeComputed(resource.NewStringProperty(""))
}

// secret covers a value; one that is covered stays as it is.
func secret(v resource.PropertyValue) resource.PropertyValue {
	if v.IsSecret() {
		return v
	}
	return resource.MakeSecret(v)
}

// cover makes secret in out what is secret in the inputs, and every value of a
// SecureString whether or not the program said so.
func cover(out, inputs resource.PropertyMap) resource.PropertyMap {
	for k, v := range out {
		out[k] = coverValue(v, inputs[k])
	}
	return out
}

func coverValue(out, in resource.PropertyValue) resource.PropertyValue {
	if in.IsSecret() || in.IsOutput() && in.OutputValue().Secret {
		return secret(out)
	}
	switch {
	case out.IsSecret():
		return out
	case out.IsObject():
		inner := resource.PropertyMap{}
		if in.IsObject() {
			inner = in.ObjectValue()
		}
		o := cover(out.ObjectValue().Copy(), inner)
		if t, ok := o["type"]; ok && t.IsString() && t.StringValue() == "SecureString" {
			if v, ok := o["value"]; ok {
				o["value"] = secret(v)
			}
		}
		return resource.NewObjectProperty(o)
	case out.IsArray():
		list := make([]resource.PropertyValue, len(out.ArrayValue()))
		for i, item := range out.ArrayValue() {
			var from resource.PropertyValue
			if in.IsArray() && i < len(in.ArrayValue()) {
				from = in.ArrayValue()[i]
			}
			list[i] = coverValue(item, from)
		}
		return resource.NewArrayProperty(list)
	}
	return out
}
