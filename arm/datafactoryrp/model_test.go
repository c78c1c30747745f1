package datafactoryrp_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/datafactory/armdatafactory/v9"

	"switchyard/arm/armtest"
	"switchyard/pipeline"
	"switchyard/pipeline/factory"
)

// families are the kinds of definitions of the typed model that have a type: where one is put,
// and how the model makes a value of a type from its name.
var families = []struct {
	kind, union string // the union is the name of the function that knows its types
	least       int    // as many types are known at least
	empty       func(discriminator string) (any, error)
}{
	{"pipelines", "Activity", 38, func(d string) (any, error) {
		var r armdatafactory.PipelineResource
		err := json.Unmarshal(fmt.Appendf(nil, `{"properties":{"activities":[{"type":%q}]}}`, d), &r)
		return r.Properties.Activities[0], err
	}},
	{"pipelines", "CopySource", 100, func(d string) (any, error) { return copyPart(d, "source") }},
	{"pipelines", "CopySink", 45, func(d string) (any, error) { return copyPart(d, "sink") }},
	{"datasets", "Dataset", 100, func(d string) (any, error) {
		var r armdatafactory.DatasetResource
		err := json.Unmarshal(typed(d), &r)
		return r.Properties, err
	}},
	{"linkedservices", "LinkedService", 120, func(d string) (any, error) {
		var r armdatafactory.LinkedServiceResource
		err := json.Unmarshal(typed(d), &r)
		return r.Properties, err
	}},
	{"triggers", "Trigger", 5, func(d string) (any, error) {
		var r armdatafactory.TriggerResource
		err := json.Unmarshal(typed(d), &r)
		return r.Properties, err
	}},
	{"dataflows", "DataFlow", 3, func(d string) (any, error) {
		var r armdatafactory.DataFlowResource
		err := json.Unmarshal(typed(d), &r)
		return r.Properties, err
	}},
	{"integrationRuntimes", "IntegrationRuntime", 2, func(d string) (any, error) {
		var r armdatafactory.IntegrationRuntimeResource
		err := json.Unmarshal(typed(d), &r)
		return r.Properties, err
	}},
	{"credentials", "Credential", 2, func(d string) (any, error) {
		var r armdatafactory.CredentialResource
		err := json.Unmarshal(typed(d), &r)
		return r.Properties, err
	}},
}

func typed(discriminator string) []byte {
	return fmt.Appendf(nil, `{"properties":{"type":%q}}`, discriminator)
}

func copyPart(discriminator, part string) (any, error) {
	var a armdatafactory.CopyActivity
	err := json.Unmarshal(fmt.Appendf(nil, `{"type":"Copy","typeProperties":{%q:{"type":%q}}}`, part, discriminator), &a)
	if err != nil || part == "source" {
		return a.TypeProperties.Source, err
	}
	return a.TypeProperties.Sink, err
}

// modelTypes returns the names of the types of a union, from the source of the typed model.
func modelTypes(t *testing.T, union string) (names []string) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", reflect.TypeFor[armdatafactory.Factory]().PkgPath()).Output()
	check(t, err)
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "polymorphic_helpers.go"))
	check(t, err)
	_, body, _ := strings.Cut(string(source), "func unmarshal"+union+"Classification(")
	body, _, _ = strings.Cut(body, "\n}\n")
	for _, m := range regexp.MustCompile(`case (?:string\(IntegrationRuntimeType([A-Za-z]+)\)|"([^"]+)"):`).FindAllStringSubmatch(body, -1) {
		names = append(names, m[1]+m[2])
	}
	return names
}

// stubs are what the samples refer to.
var stubs = []struct{ kind, body string }{
	{"linkedservices", `{"type":"AzureKeyVault","typeProperties":{"baseUrl":"https://v.vault.azure.net/"}}`},
	{"datasets", `{"type":"Json","linkedServiceName":{"referenceName":"Stub","type":"LinkedServiceReference"}}`},
	{"pipelines", `{"activities":[]}`},
	{"dataflows", `{"type":"MappingDataFlow"}`},
	{"integrationRuntimes", `{"type":"Managed"}`},
	{"credentials", `{"type":"ManagedIdentity"}`},
	{"managedVirtualNetworks", `{}`},
	{"triggers", `{"type":"TumblingWindowTrigger","typeProperties":{},"pipeline":{"pipelineReference":{"referenceName":"Stub","type":"PipelineReference"}}}`},
}

// TestModelRoundTrips puts a definition of every type of the typed model, with every member
// that the model has and some that it has not, and gets back what it has put.
func TestModelRoundTrips(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	for _, s := range stubs {
		f.must(t, 200, "PUT", "$DF/"+s.kind+"/Stub?$V", `{"properties":`+s.body+`}`)
	}
	for _, family := range families {
		types := modelTypes(t, family.union)
		if len(types) < family.least {
			t.Errorf("%d types of %s, want at least %d", len(types), family.union, family.least)
		}
		for i, d := range types {
			if d == "Container" || d == "Execution" { // of which the others are
				continue
			}
			t.Run(family.union+"/"+d, func(t *testing.T) {
				if family.union == "Activity" && pipeline.LookupActivityType(d) == nil {
					t.Errorf("activities of the type %s are not known", d)
				}
				v, err := family.empty(d)
				check(t, err)
				roundTrip(t, f, fmt.Sprintf("$DF/%s/Type%d?$V", family.kind, i), sampleOf(v))
			})
		}
	}
}

// roundTrip puts properties and gets them, twice: what was got can be put.
func roundTrip(t *testing.T, f *fixture, at string, properties any) {
	t.Helper()
	text, err := json.Marshal(properties)
	check(t, err)
	want := normal(t, text)
	for range 2 {
		status, answer := f.do("PUT", at, `{"properties":`+string(text)+`}`)
		if status != 200 {
			t.Fatalf("PUT %s: %d %s", text, status, answer)
		}
		answer = f.must(t, 200, "GET", at, "")
		text = factory.Member([]byte(answer), "properties")
		if got := normal(t, text); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// normal is a definition with its members in order, and without what nobody is shown.
func normal(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	check(t, json.Unmarshal(text, &v))
	hide(v)
	delete(v.(map[string]any), "lastPublishTime") // which the service adds to a pipeline
	b, err := json.Marshal(v)
	check(t, err)
	return string(b)
}

func hide(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			hide(x)
		}
	case map[string]any:
		if v["type"] == "SecureString" {
			v["value"] = factory.Mask
		}
		for _, x := range v {
			hide(x)
		}
	}
}
