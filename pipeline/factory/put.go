package factory

import (
	"bytes"
	"context"
	"strings"

	"switchyard/commit"
	"switchyard/value"
)

// Put creates or replaces a definition: properties is its member
// properties. Put returns the definition as it is after that. See the package's
// comment for triggers and secrets. Errors are of check, or wrap
// [ErrFactoryNotFound], [ErrInvalid], [ErrMissingReference],
// [ErrTriggerStarted], [ErrTriggerNotStarted], [ErrWindowStart], [ErrWindowFrequency],
// [ErrNotSupported] or [ErrDeleting].
func (m *Manager) Put(ctx context.Context, id ID, k Kind, name string, properties Document, check Check) (
	*Definition, error) {
	e, s, err := m.lock(ctx, id, len(properties.Text)+definitionOverhead)
	if err != nil {
		return nil, err
	}
	defer e.op.Unlock()
	old := s.find(k, name)
	if old == nil {
		err = check.check(false, "")
	} else {
		err = check.check(true, old.record.ETag)
	}
	if err != nil {
		return nil, err
	}
	if old == nil && s.count() >= maxDefinitions {
		return nil, errorf(ErrInvalid,
			"The data factory '%s' has %d entities; at most %d are allowed.", s.record.Name, s.count(), maxDefinitions)
	}
	d, err := m.define(s, k, name, properties, old)
	if err != nil {
		return nil, err
	}
	if err := d.keepsWindows(old); err != nil {
		return nil, err
	}
	next := s.clone()
	next.put(d)
	if err := next.validate(d, m.o.Relaxed); err != nil {
		return nil, err
	}
	starts := ""
	if k == Triggers {
		if d, err = m.runtimeState(next, d, old); err != nil {
			return nil, err
		}
		if d.record.Started {
			starts = d.record.Name
		}
		next.put(d)
	}
	if k > Triggers {
		next.def = s.def // nothing that runs has changed
	}
	if err := m.change(e, next, starts); err != nil {
		return nil, err
	}
	return d.view(), nil
}

// define makes a definition that takes the place of old, which may be nil.
func (m *Manager) define(s *state, k Kind, name string, properties Document, old *definition) (
	*definition, error) {
	d := &definition{kind: k, record: definitionRecord{Version: recordVersion, Name: name, Published: m.now()}}
	var before []byte
	if old != nil {
		// The casing of the creation is kept [ADF-REST 1].
		d.record.Name, d.record.Deployed = old.record.Name, old.record.Deployed
		before = old.properties
	}
	v, err := properties.parsed()
	if err != nil {
		return nil, err
	}
	sent := compact(bytes.TrimSpace(properties.Text))
	if d.properties, d.secret, err = restore(k, sent, before); err != nil {
		return nil, err
	}
	if !bytes.Equal(sent, d.properties) {
		v = nil // a secret was kept, which is not in what was sent
	}
	d.secret = d.secret || kindTable[k].sealed
	if err := d.parse(v); err != nil {
		return nil, err
	}
	d.record.ETag, err = m.newID()
	return d, err
}

// runtimeState gives a trigger that is put its state. A definition that says
// that it is Started is, if it is one that can run, and one that says Stopped is
// stopped; of all others the member is read-only.
func (m *Manager) runtimeState(s *state, d, old *definition) (*definition, error) {
	asked := d.says("Started")
	if old != nil && old.record.Started && !asked && !d.says("Stopped") {
		return nil, triggerStarted(d.record.Name)
	}
	if asked {
		if err := m.startable(s, d); err != nil {
			return nil, err
		}
	}
	return d.withStarted(asked, m.now()), nil
}

// says reports whether a trigger that can run here states that it is in a runtime
// state: the extension with which a program starts and stops it.
func (d *definition) says(state string) bool {
	if d.trigger == nil || d.trigger.ServiceBus == nil {
		return false
	}
	v, _ := d.trigger.Raw.Lookup("properties")
	o, _ := v.(*value.Object)
	v, _ = o.Lookup("runtimeState")
	text, _ := v.(string)
	return strings.EqualFold(text, state)
}

func triggerStarted(name string) error {
	return errorf(ErrTriggerStarted,
		"Cannot update enabled Trigger; the trigger '%s' needs to be disabled first.", name)
}

// Delete deletes a definition and reports whether it was there. A trigger that its
// own definition started is stopped by it. The error wraps
// [ErrFactoryNotFound], [ErrReferenced], [ErrTriggerStarted] or [ErrDeleting].
func (m *Manager) Delete(ctx context.Context, id ID, k Kind, name string, check Check) (
	existed bool, err error) {
	e, s, err := m.lock(ctx, id, commit.Frees)
	if err != nil {
		return false, err
	}
	defer e.op.Unlock()
	d := s.find(k, name)
	if d == nil {
		return false, check.check(false, "")
	}
	if err := check.check(true, d.record.ETag); err != nil {
		return false, err
	}
	if d.record.Started && !d.says("Started") {
		return false, triggerStarted(d.record.Name)
	}
	if by := s.referrers(d); len(by) > 0 {
		return false, errorf(ErrReferenced,
			"The document cannot be deleted since it is referenced by %s.", strings.Join(by, ", "))
	}
	next := s.clone()
	next.remove(d)
	if k > Triggers {
		next.def = s.def
	}
	return true, m.change(e, next, "")
}
