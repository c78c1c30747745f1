package pipeline

import (
	"slices"
	"strings"

	"switchyard/value"
	"switchyard/value/read"
)

// waitsByDefault is what counts when an ExecutePipeline activity does not say whether it
// waits. Data Factory's page says true and its API model false [ENGINE 5.14].
const waitsByDefault = true

// ChildPipeline returns the name of the pipeline that an ExecutePipeline activity runs, ""
// if it names none.
func (a *Activity) ChildPipeline() string {
	raw, _ := a.TypeProperties.Lookup("pipeline")
	ref, _ := raw.(*value.Object)
	name, _ := ref.Lookup("referenceName")
	text, _ := name.(string)
	return text
}

// waits reads whether an ExecutePipeline activity ends with the run that it starts.
func waits(tp *read.Members) bool {
	if v, ok := tp.Value("waitOnCompletion"); !ok || v == nil {
		return waitsByDefault
	}
	return boolean(tp, "waitOnCompletion")
}

// waitedFor returns the names, in lower case, of the pipelines that the active activities
// of a pipeline run and wait for, each once.
func (p *Pipeline) waitedFor() (names []string) {
	p.Walk(func(a *Activity) {
		name := strings.ToLower(a.ChildPipeline())
		if a.Is("ExecutePipeline") && !a.Inactive && a.Waits && !slices.Contains(names, name) {
			names = append(names, name)
		}
	})
	return names
}

// executePipeline checks an ExecutePipeline activity.
func (v *validator) executePipeline(a *Activity) {
	at := a.Path + ".typeProperties"
	if _, says := a.TypeProperties.Lookup("waitOnCompletion"); !says {
		v.warnf(at+".waitOnCompletion", "is absent: Data Factory's sources disagree about what counts then; here it is %v",
			waitsByDefault)
	}
	name := a.ChildPipeline()
	target := v.factory.Pipeline(name)
	if target == nil {
		return // reported as a reference
	}
	if a.Waits {
		if line := v.cycle(name); line != nil {
			v.errorf(at+".pipeline", "pipeline %q calls itself and waits: %s", v.pipeline.Name, strings.Join(line, " runs "))
			return
		}
	}
	raw, _ := a.TypeProperties.Lookup("parameters")
	if args, ok := raw.(*value.Object); ok || raw == nil {
		v.arguments(target.Parameters, args, at+".parameters")
	}
}

// cycle returns a line of pipelines, each of which runs the next and waits for it, from the
// pipeline that is checked to the one that is named and back; nil if there is none.
func (v *validator) cycle(name string) (line []string) {
	if v.leadsNowhere == nil {
		v.leadsNowhere = map[string]bool{}
	}
	return v.callsBack(strings.ToLower(name), []string{v.pipeline.Name})
}

// callsBack goes on with a line at the pipeline of a name in lower case.
func (v *validator) callsBack(name string, line []string) []string {
	if name == strings.ToLower(v.pipeline.Name) {
		return append(line, v.pipeline.Name)
	}
	p := v.factory.Pipeline(name)
	if p == nil || v.leadsNowhere[name] {
		return nil
	}
	v.leadsNowhere[name] = true // as long as it is looked at, too
	for _, next := range p.waitedFor() {
		if found := v.callsBack(next, append(line, p.Name)); found != nil {
			delete(v.leadsNowhere, name)
			return found
		}
	}
	return nil
}
