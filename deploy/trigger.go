package deploy

import (
	"fmt"

	"switchyard/pipeline"
)

// StartOnly makes one trigger of the deployment Started and all others Stopped. The
// error says what there is.
func (d *Deployment) StartOnly(name string) error {
	var all []*pipeline.Trigger
	var found *pipeline.Trigger
	if d.Factory != nil {
		all = d.Factory.Triggers
		found = d.Factory.Trigger(name)
	}
	switch {
	case len(all) == 0:
		return fmt.Errorf("there is no trigger %q: the folder declares none", name)
	case found == nil:
		return fmt.Errorf("there is no trigger %q; the folder declares %s", name,
			names(all, func(t *pipeline.Trigger) string { return t.Name }))
	case found.ServiceBus == nil:
		return fmt.Errorf("trigger %q is of type %s; only a %s is started by messages", found.Name, found.Type,
			pipeline.TypeServiceBusTrigger)
	}
	for _, t := range all {
		t.Started = t == found
	}
	return nil
}
