package deploy

import (
	"slices"
	"testing"
	"unicode/utf16"

	"switchyard/pipeline"
)

// TestKeptResources: what Data Factory has beside pipelines is read to be kept, and told.
func TestKeptResources(t *testing.T) {
	files := map[string]string{
		"dataflow/Flow.json":                                          `{"name":"Flow","properties":{"type":"MappingDataFlow","typeProperties":{"script":"x"}}}`,
		"integrationRuntime/Own.json":                                 `{"name":"Own","properties":{"type":"SelfHosted"}}`,
		"credential/Me.json":                                          `{"name":"Me","properties":{"type":"ManagedIdentity"}}`,
		"managedVirtualNetwork/default.json":                          `{"name":"default","properties":{}}`,
		"managedVirtualNetwork/default/managedPrivateEndpoint/e.json": `{"name":"e","properties":{}}`,
		"pipeline/P.json":                                             `{"name":"P","properties":{"activities":[]}}`,
	}
	for _, strict := range []bool{false, true} {
		d, ds := Read(folder(files), "dir", Mode{Strict: strict})
		if (ds.Err() != nil) != strict {
			t.Errorf("strict %v: %v", strict, ds)
		}
		var told []string
		for _, x := range ds {
			told = append(told, x.File+": "+x.Message)
		}
		const kept = " are kept and do nothing in this version"
		want := []string{
			"dir/credential/Me.json: resources of the folder credential" + kept,
			"dir/dataflow/Flow.json: resources of the folder dataflow" + kept,
			"dir/integrationRuntime/Own.json: resources of the folder integrationRuntime" + kept,
			"dir/managedVirtualNetwork/default.json: resources of the folder managedVirtualNetwork" + kept,
			"dir/managedVirtualNetwork/default/managedPrivateEndpoint/e.json: is not read: only what stands in managedVirtualNetwork itself is kept",
		}
		if !slices.Equal(told, want) {
			t.Errorf("strict %v: told %q,\nwant %q", strict, told, want)
		}
		var names []string
		for _, x := range d.Factory.Kept {
			names = append(names, x.Folder+"/"+x.Name)
		}
		if want := []string{"dataflow/Flow", "integrationRuntime/Own", "credential/Me", "managedVirtualNetwork/default"}; !slices.Equal(names, want) {
			t.Errorf("kept %q, want %q", names, want)
		}
	}
	_, ds := Read(folder(map[string]string{"dataflow/A.json": `{`, "dataflow/B.json": `{"name":"C","properties":{}}`}), "dir", Mode{})
	if errs := ds.Errors(); len(errs) != 2 || errs[0].File != "dir/dataflow/A.json" || errs[1].Path != "$.name" {
		t.Errorf("malformed data flows: %v", ds)
	}
}

// TestFlattenedIsLocated: a mistake in a flattened file, in UTF-16 too, is told with its place.
func TestFlattenedIsLocated(t *testing.T) {
	const text = "{\"name\":\"P\",\n \"activities\":[\n  {\"name\":\"W\",\"type\":\"Wait\",\n   \"waitTimeInSeconds\":\"@nope()\"}]}"
	wide := "\xFF\xFE"
	for _, u := range utf16.Encode([]rune(text)) {
		wide += string([]byte{byte(u), byte(u >> 8)})
	}
	for what, text := range map[string]string{"UTF-8": text, "UTF-16": wide} {
		_, ds := Read(folder(map[string]string{"pipeline/P.json": text}), "dir", Mode{})
		want := pipeline.Diagnostic{File: "dir/pipeline/P.json", Line: 4, Column: 24, Path: "$.activities[W].waitTimeInSeconds",
			Message: `function "nope" is not known`, Excerpt: "@nope()\n ^"}
		if len(ds) != 1 || ds[0] != want {
			t.Errorf("%s: got %+v, want %+v", what, ds, want)
		}
	}
}
