package servicebusrp

import (
	"errors"

	"switchyard/arm"
	"switchyard/broker/description"
	"switchyard/value"
)

// properties shows an entity ([ARM 6.2] to [ARM 6.4]): everything that can be written
// is there, and what can only be read is in outputs, by name.
func properties(kind description.Entity, o description.Options,
	outputs map[string]value.Value) *value.Object {
	props := value.NewObject()
	for _, row := range kind.ARMProperties() {
		if v := row.Value(&o); v != nil {
			props.Set(row.ARMName(), v)
		}
	}
	for _, name := range kind.Outputs() {
		props.Set(name, outputs[name])
	}
	return props
}

// readOptions reads the body that describes an entity. What is unsupported may be
// there if it is empty.
func readOptions(r *arm.Request, kind description.Entity, unsupported ...string) (
	o description.Options, err error) {
	body, props := beginBody(r)
	for _, row := range kind.ARMProperties() {
		name := row.ARMName()
		v, ok := props.Value(name)
		if !ok {
			continue
		}
		err := row.Set(&o, v)
		if k, ok := errors.AsType[*description.KindError](err); ok {
			props.Wrong(name, k.Got, k.Want)
		} else if err != nil {
			props.Fail(name, "%v", err)
		}
	}
	for _, name := range unsupported {
		if v, ok := props.Value(name); ok && !isEmpty(v) {
			props.Fail(name, "it is not supported")
		}
	}
	return o, finishBody(body, props)
}

// beginBody begins to read the body of something in a namespace.
func beginBody(r *arm.Request) (body, props *arm.Reader) {
	body = arm.Read(r.Body, arm.BadRequest)
	props, _ = body.Object("properties")
	for _, e := range []description.Entity{description.Queue, description.Topic, description.Subscription} {
		props.Ignore(e.Outputs()...) // clients send them back
	}
	body.Ignore("id", "name", "type", "location", "systemData")
	return body, props
}

func finishBody(body, props *arm.Reader) error {
	props.Close()
	body.Close()
	return body.Err()
}

// unchanged refuses to change what can be chosen only when the entity is created.
func (p *Provider) unchanged(r *arm.Request, kind description.Entity, old, new description.Options) error {
	if row := kind.Unchanged(old, new); row != nil {
		return p.refused(r, "The value for the '%s' property of an existing %s cannot be changed",
			row.ARMName(), sentence(kind.String()))
	}
	return nil
}
