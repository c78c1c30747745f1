package deploy

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// Runnable is what of a folder can be run by itself: its pipelines, and the triggers that
// messages start.
type Runnable struct {
	Pipelines []*pipeline.Pipeline
	Triggers  []*pipeline.Trigger
}

// Runnable lists what can be run.
func (d *Deployment) Runnable() (r Runnable) {
	if d.Factory == nil {
		return r
	}
	r.Pipelines = d.Factory.Pipelines
	for _, t := range d.Factory.Triggers {
		if t.ServiceBus != nil {
			r.Triggers = append(r.Triggers, t)
		}
	}
	return r
}

// JSON is the list as commands print it. The default of a SecureString is not shown.
func (r Runnable) JSON() *value.Object {
	member := func(name string, v value.Value) value.Member { return value.Member{Name: name, Value: v} }
	pipelines, triggers := value.Array{}, value.Array{}
	for _, p := range r.Pipelines {
		parameters := value.Array{}
		for _, x := range p.Parameters {
			o := value.NewObject(member("name", x.Name), member("type", string(x.Type)),
				member("required", !x.HasDefault))
			if x.HasDefault && x.Type != pipeline.TypeSecureString {
				o.Set("defaultValue", x.Default)
			}
			parameters = append(parameters, o)
		}
		pipelines = append(pipelines, value.NewObject(member("name", p.Name), member("parameters", parameters)))
	}
	for _, t := range r.Triggers {
		triggers = append(triggers, value.NewObject(member("name", t.Name),
			member("queueName", t.ServiceBus.QueueName), member("pipeline", t.Pipelines[0].Pipeline.Name)))
	}
	return value.NewObject(member("pipelines", pipelines), member("triggers", triggers))
}

// CheckRun refuses to run a pipeline that the folder does not declare, and parameters that
// the pipeline does not. The error names all of them and says what there is.
func (d *Deployment) CheckRun(name string, parameters *value.Object) error {
	var p *pipeline.Pipeline
	list := d.Runnable().Pipelines
	if d.Factory != nil {
		p = d.Factory.Pipeline(name)
	}
	if p == nil {
		if len(list) == 0 {
			return fmt.Errorf("there is no pipeline %q: the folder declares none", name)
		}
		return fmt.Errorf("there is no pipeline %q; the folder declares %s", name,
			names(list, func(p *pipeline.Pipeline) string { return p.Name }))
	}
	var wrong []string
	for _, m := range parameters.Members() {
		if !slices.ContainsFunc(p.Parameters, func(x *pipeline.Parameter) bool {
			return strings.EqualFold(x.Name, m.Name)
		}) {
			wrong = append(wrong, fmt.Sprintf("%q is not declared", m.Name))
		}
	}
	for _, x := range p.Parameters {
		if _, given := parameters.Lookup(x.Name); !given && !x.HasDefault {
			wrong = append(wrong, fmt.Sprintf("%q has no value and no default", x.Name))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	declared := "none"
	if len(p.Parameters) > 0 {
		declared = names(p.Parameters, func(x *pipeline.Parameter) string { return x.Name })
	}
	return fmt.Errorf("parameters of pipeline %s: %s; it declares %s", p.Name, strings.Join(wrong, ", "), declared)
}

func names[T any](list []T, name func(T) string) string {
	var all []string
	for _, x := range list {
		all = append(all, name(x))
	}
	return strings.Join(all, ", ")
}
