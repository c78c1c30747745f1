package deploy

import (
	"switchyard/pipeline"
	"switchyard/pipeline/recurrence"
)

// ReadTrigger reads the file of one trigger. The deployment, whose factory has nothing else, tells
// where in it diagnostics are. It is nil if the file can't be read.
func ReadTrigger(file string, data []byte) (*Deployment, pipeline.Diagnostics) {
	d := &Deployment{name: file, sources: sources{}}
	d.sources.keep(file, data)
	t, ds := pipeline.ParseTrigger(file, data)
	d.sources.locate(ds)
	if ds.Err() != nil {
		return nil, ds
	}
	d.Factory = &pipeline.Factory{Triggers: []*pipeline.Trigger{t}}
	return d, ds
}

// CheckTrigger reports what is malformed in one trigger of the deployment, and nothing of what it
// refers to.
func (d *Deployment) CheckTrigger(t *pipeline.Trigger) pipeline.Diagnostics {
	_, ds := pipeline.ReadTrigger(t.File, t.Raw)
	d.sources.locate(ds)
	return ds
}

// Schedule reads when a schedule trigger of the deployment fires.
func (d *Deployment) Schedule(t *pipeline.Trigger) (*recurrence.Schedule, pipeline.Diagnostics) {
	s, ds := recurrence.ReadSchedule(t)
	d.sources.locate(ds)
	return s, ds
}

// TumblingWindow reads the windows of a trigger of the deployment.
func (d *Deployment) TumblingWindow(t *pipeline.Trigger) (*recurrence.TumblingWindow, pipeline.Diagnostics) {
	w, ds := recurrence.ReadTumblingWindow(t)
	d.sources.locate(ds)
	return w, ds
}
