package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// datasets knows one, whose file is a parameter.
func datasets(_, name string) (*pipeline.Dataset, error) {
	d, ds := pipeline.ParseDataset("rows.json", []byte(`{"name":"rows","properties":{"type":"Json",
		"linkedServiceName":{"referenceName":"bus","type":"LinkedServiceReference"},"parameters":{"n":{"type":"Int"}},
		"typeProperties":{"file":"@{dataset().n}.json"}}}`))
	if name != "rows" {
		return nil, ds.Err()
	}
	return d, ds.Err()
}

func shownDataset(d *activity.Dataset) string {
	return fmt.Sprintf("%s %s %s at %s", d.Name, d.Type, value.Append(nil, d.TypeProperties), d.LinkedService.Name)
}

// TestDatasetsOfACall: an executor gets the datasets that the activity names,
// resolved with the arguments of this attempt.
func TestDatasetsOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), `{"name":"p","properties":{"activities":[
			{"name":"Each","type":"ForEach","typeProperties":{"isSequential":true,"items":"@createArray(1,2)","activities":[
				{"name":"Look","type":"Lookup","typeProperties":{"source":{},
					"dataset":{"referenceName":"rows","type":"DatasetReference","parameters":{"n":"@string(item())"}}}}]}},
			{"name":"Move","type":"Copy","dependsOn":[{"activity":"Each"}],
				"inputs":[{"referenceName":"rows","type":"DatasetReference","parameters":{"n":7}}],
				"outputs":[{"referenceName":"rows","type":"DatasetReference","parameters":{"n":"@add(4,4)"}}],
				"typeProperties":{"source":{},"sink":{}}}]}}`)
		w.options.LinkedService, w.options.Dataset = linkedServices, datasets
		var got []string
		w.register("Lookup", func(_ context.Context, c *activity.Call) activity.Result {
			got = append(got, shownDataset(c.Datasets["dataset"]))
			return activity.Result{Output: &value.Object{}}
		})
		w.register("Copy", func(_ context.Context, c *activity.Call) activity.Result {
			for _, d := range slices.Concat(c.Inputs, c.Outputs) {
				got = append(got, shownDataset(d))
			}
			return activity.Result{Output: &value.Object{}}
		})
		w.start()
		defer w.engine.Stop(0)
		if s := w.wait(w.create("p", nil, engine.RunOptions{})); s != run.Succeeded {
			t.Errorf("the run is %s, want Succeeded", s)
		}
		var want []string
		for _, n := range []int{1, 2, 7, 8} {
			want = append(want, fmt.Sprintf(`rows Json {"file":"%d.json"} at bus`, n))
		}
		if !slices.Equal(got, want) {
			t.Errorf("datasets:\n got %q\nwant %q", got, want)
		}
	})
}

// TestUnresolved: an attempt whose linked service or dataset can't be resolved
// fails with a code that says so, and without its executor.
func TestUnresolved(t *testing.T) {
	for _, c := range []struct{ name, activity, code, message string }{
		{"linked service", `{"name":"A","type":"WebActivity","linkedServiceName":{"referenceName":"none","type":"LinkedServiceReference"},
			"typeProperties":{"method":"GET","url":"u"}}`, "LinkedServiceReferenceNotResolved", `linked service "none": linked service "none"`},
		{"dataset", `{"name":"A","type":"Lookup","typeProperties":{"source":{},"dataset":{"referenceName":"none","type":"DatasetReference"}}}`,
			"DatasetReferenceNotResolved", `dataset "none" is not found`},
		{"argument", `{"name":"A","type":"Lookup","typeProperties":{"source":{},"dataset":{"referenceName":"rows","type":"DatasetReference"}}}`,
			"DatasetReferenceNotResolved", `dataset "rows": parameter "n" has no value and no default`},
		{"text", `{"name":"A","type":"Lookup","typeProperties":{"source":{},"dataset":"rows"}}`,
			"DatasetReferenceNotResolved", `the property "dataset" is no reference to a dataset`},
		{"input", `{"name":"A","type":"Copy","typeProperties":{"source":{},"sink":{}},"inputs":[{"referenceName":"none","type":"DatasetReference"}]}`,
			"DatasetReferenceNotResolved", `dataset "none" is not found`},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, enginetest.NewMemory(nil), `{"name":"p","properties":{"activities":[`+c.activity+`]}}`)
			w.options.LinkedService, w.options.Dataset = linkedServices, datasets
			var end engine.Outcome
			for _, typ := range []string{"WebActivity", "Lookup", "Copy"} {
				w.register(typ, func(context.Context, *activity.Call) activity.Result {
					t.Errorf("%s: the executor was called", c.name)
					return activity.Result{}
				})
			}
			w.start()
			defer w.engine.Stop(0)
			w.engine.OnFinished(func(f engine.FinishedRun) { end = f.Outcome })
			w.wait(w.create("p", nil, engine.RunOptions{}))
			synctest.Wait()
			if end.Error == nil || end.Error.Code != c.code || end.Error.Message != c.message {
				t.Errorf("%s:\n got %+v\nwant %s: %s", c.name, end.Error, c.code, c.message)
			}
		})
	}
}
