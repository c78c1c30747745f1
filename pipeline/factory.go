package pipeline

import (
	"slices"
	"strings"

	"switchyard/value"
)

// A Factory is a set of definitions that refer to each other. Its lists are
// ordered by name without regard to case, which Put keeps.
type Factory struct {
	Name             string
	GlobalParameters *value.Object // name -> value; never nil after ParseFactory
	Identity         *value.Object // as in the file; nil when absent
	Pipelines        []*Pipeline
	LinkedServices   []*LinkedService
	Datasets         []*Dataset
	Triggers         []*Trigger
	Kept             []*Kept
	Raw              *value.Object

	// Strict makes [Factory.Validate] report what is not supported here as errors.
	Strict bool
	// Open makes it warn only of activity types that are not known: a later version of Data
	// Factory may have them.
	Open bool
	// Supports tells which activity types run here; nil is [SupportedActivity].
	Supports func(activityType string) bool
	// Unread tells of definitions that exist and could not be read, which was
	// reported already: a reference to one is no second mistake. Folder is one of
	// the Git layout ("pipeline", "linkedService", "dataset"; "factory" without a
	// name for the factory's own). Nil says that all were read.
	Unread func(folder, name string) bool
}

// A resource is one definition of a factory.
type resource interface {
	comparable
	resourceName() string
}

func (p *Pipeline) resourceName() string      { return p.Name }
func (l *LinkedService) resourceName() string { return l.Name }
func (d *Dataset) resourceName() string       { return d.Name }
func (t *Trigger) resourceName() string       { return t.Name }

// search returns where the name is, or belongs.
func search[R resource](list []R, name string) (int, bool) {
	name = strings.ToLower(name)
	return slices.BinarySearchFunc(list, name, func(r R, name string) int {
		return strings.Compare(strings.ToLower(r.resourceName()), name)
	})
}

func find[R resource](list []R, name string) R {
	i, ok := search(list, name)
	if !ok {
		var none R
		return none
	}
	return list[i]
}

func put[R resource](list []R, r R) []R {
	i, ok := search(list, r.resourceName())
	if ok {
		list = slices.Clone(list) // readers may hold the old list
		list[i] = r
		return list
	}
	return slices.Insert(slices.Clone(list), i, r)
}

func remove[R resource](list []R, name string) ([]R, bool) {
	i, ok := search(list, name)
	if !ok {
		return list, false
	}
	return slices.Delete(slices.Clone(list), i, i+1), true
}

// Pipeline looks up a pipeline ignoring case; nil if there is none.
func (f *Factory) Pipeline(name string) *Pipeline { return find(f.Pipelines, name) }

// LinkedService looks up a linked service ignoring case; nil if there is none.
func (f *Factory) LinkedService(name string) *LinkedService { return find(f.LinkedServices, name) }

// Dataset looks up a dataset ignoring case; nil if there is none.
func (f *Factory) Dataset(name string) *Dataset { return find(f.Datasets, name) }

// Trigger looks up a trigger ignoring case; nil if there is none.
func (f *Factory) Trigger(name string) *Trigger { return find(f.Triggers, name) }

// PutPipeline adds a pipeline, or replaces the one of that name.
func (f *Factory) PutPipeline(p *Pipeline) { f.Pipelines = put(f.Pipelines, p) }

// PutLinkedService adds a linked service, or replaces the one of that name.
func (f *Factory) PutLinkedService(l *LinkedService) { f.LinkedServices = put(f.LinkedServices, l) }

// PutDataset adds a dataset, or replaces the one of that name.
func (f *Factory) PutDataset(d *Dataset) { f.Datasets = put(f.Datasets, d) }

// PutTrigger adds a trigger, or replaces the one of that name.
func (f *Factory) PutTrigger(t *Trigger) { f.Triggers = put(f.Triggers, t) }

// DeletePipeline removes a pipeline and reports whether it was there.
func (f *Factory) DeletePipeline(name string) (ok bool) {
	f.Pipelines, ok = remove(f.Pipelines, name)
	return ok
}

// DeleteLinkedService removes a linked service and reports whether it was there.
func (f *Factory) DeleteLinkedService(name string) (ok bool) {
	f.LinkedServices, ok = remove(f.LinkedServices, name)
	return ok
}

// DeleteDataset removes a dataset and reports whether it was there.
func (f *Factory) DeleteDataset(name string) (ok bool) {
	f.Datasets, ok = remove(f.Datasets, name)
	return ok
}

// DeleteTrigger removes a trigger and reports whether it was there.
func (f *Factory) DeleteTrigger(name string) (ok bool) {
	f.Triggers, ok = remove(f.Triggers, name)
	return ok
}

func (f *Factory) unread(folder, name string) bool { return f.Unread != nil && f.Unread(folder, name) }

// Clone returns a factory whose lists can be changed without changing f's.
func (f *Factory) Clone() *Factory {
	c := *f
	return &c
}
