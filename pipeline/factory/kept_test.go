package factory

import (
	"errors"
	"testing"

	"switchyard/pipeline"
)

// TestDeployKept: what a folder has beside pipelines is kept as it stands there, over a
// restart too, and goes with its file.
func TestDeployKept(t *testing.T) {
	f := &pipeline.Factory{Name: "contoso"}
	const flow = `{"type":"MappingDataFlow","typeProperties":{"scriptLines":["source(output(a as string)) ~> s"],"unheardOf":[1.0]}}`
	for folder, properties := range map[string]string{
		"dataflow": flow, "integrationRuntime": `{"type":"SelfHosted"}`, "credential": `{"type":"ManagedIdentity"}`, "managedVirtualNetwork": `{}`,
	} {
		x, ds := pipeline.ParseKept(folder, folder+"/Mine.json", []byte(`{"name":"Mine","properties":`+properties+`}`))
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		f.Kept = append(f.Kept, x)
	}
	w := open(t, newRecords())
	if err := w.Deploy(t.Context(), theID, "local", f); err != nil {
		t.Fatal(err)
	}
	w.Close()
	w = open(t, w.records)
	for _, k := range Kinds()[DataFlows:] {
		if _, err := w.Definition(theID, k, "Mine"); err != nil {
			t.Errorf("%s: %v", k.Noun(), err)
		}
	}
	if d, err := w.Definition(theID, DataFlows, "Mine"); err != nil || string(d.Properties) != flow {
		t.Errorf("the data flow is %+v, %v; want %s", d, err, flow)
	}
	f.Kept = nil
	if err := w.Deploy(t.Context(), theID, "local", f); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Definition(theID, DataFlows, "Mine"); err == nil {
		t.Error("a data flow whose file is gone is there")
	}
	x, _ := pipeline.ParseKept("dataflow", "dataflow/Mine.json", []byte(`{"name":"Mine","properties":{"type":"Teleport"}}`))
	f.Kept = []*pipeline.Kept{x}
	if err := w.Deploy(t.Context(), theID, "local", f); !errors.Is(err, ErrInvalid) {
		t.Errorf("a data flow of an unknown type: %v, want ErrInvalid", err)
	}
}
