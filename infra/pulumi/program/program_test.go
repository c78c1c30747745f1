package program

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var update = flag.Bool("update", false, "rewrite testdata from what the program declares")

// declared is one resource as the engine was asked for it.
type declared struct {
	Token   string         `json:"token"`
	Name    string         `json:"name"`
	Inputs  map[string]any `json:"inputs"`
	Deleted string         `json:"deletedWith,omitempty"`
}

// engine stands in for Pulumi's: it gives every resource the name that it asks for
// or its logical one, and a path for an ID.
type engine struct {
	mu        sync.Mutex
	resources []declared
	calls     []string
	started   int // triggers that were to be started by hooks, which mocks do not have
}

func (e *engine) program(ctx *pulumi.Context) error {
	return deploy(ctx, &System{start: func(*pulumi.Context) (pulumi.ResourceOption, error) {
		e.started++
		return pulumi.Protect(false), nil
	}})
}

const mockSubscription = "/subscriptions/00000000-1111-2222-3333-444444444444"

func (e *engine) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := declared{Token: args.TypeToken, Name: args.Name, Inputs: args.Inputs.Mappable()}
	if rpc := args.RegisterRPC; rpc != nil {
		if with := rpc.GetDeletedWith(); with != "" {
			d.Deleted = resource.URN(with).Name()
		}
	}
	e.resources = append(e.resources, d)
	out := args.Inputs.Copy()
	out["name"] = resource.NewProperty(args.Name)
	for _, key := range []resource.PropertyKey{"linkedServiceName", "pipelineName", "triggerName"} {
		if v, ok := args.Inputs[key]; ok {
			out["name"] = v
		}
	}
	if args.TypeToken == "azure-native:datafactory:Factory" {
		out["identity"] = resource.NewProperty(resource.PropertyMap{"type": resource.NewProperty("SystemAssigned"), "principalId": resource.NewProperty("the-factory")})
	}
	if args.TypeToken == "azure-native:resources:ResourceGroup" {
		return mockSubscription + "/resourceGroups/" + args.Name, out, nil
	}
	return "/id/of/" + args.Name, out, nil
}

func (e *engine) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, args.Token)
	return resource.PropertyMap{"primaryConnectionString": resource.NewProperty("Endpoint=sb://" + args.Args["namespaceName"].StringValue() + ";SharedAccessKeyName=" + args.Args["authorizationRuleName"].StringValue())}, nil
}

// run runs the program and returns what it declared, sorted.
func run(t *testing.T, env string, settings map[string]string) (*engine, error) {
	t.Helper()
	t.Setenv("ARM_METADATA_HOSTNAME", env)
	values := map[string]string{}
	for k, v := range settings {
		values["reference:"+k] = v
	}
	e := &engine{}
	err := pulumi.RunErr(e.program, pulumi.WithMocks("reference", "test", e), func(info *pulumi.RunInfo) { info.Config = values })
	slices.SortFunc(e.resources, func(a, b declared) int { return strings.Compare(a.Token+a.Name, b.Token+b.Name) })
	return e, err
}

// TestResources compares every resource with testdata, for both targets. To change
// them: go test ./program -update, then read the difference.
func TestResources(t *testing.T) {
	for name, tt := range map[string]struct {
		env      string
		settings map[string]string
	}{
		"switchyard": {"localhost:1", nil},
		"azure":      {"", map[string]string{"modelEndpoint": "https://model.example/", "modelResourceId": "/id/of/model", "location": "northeurope", "tier": "Premium"}},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := run(t, tt.env, tt.settings)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{"switchyard": 0, "azure": 1}[name]; e.started != want {
				t.Errorf("%d triggers started by hooks, want %d", e.started, want)
			}
			got, err := json.MarshalIndent(e.resources, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []declared
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			var is []declared
			if err := json.Unmarshal(got, &is); err != nil {
				t.Fatal(err)
			}
			for i := range max(len(want), len(is)) {
				switch {
				case i >= len(is):
					t.Errorf("missing: %s %s", want[i].Token, want[i].Name)
				case i >= len(want):
					t.Errorf("not in %s: %s %s", file, is[i].Token, is[i].Name)
				case !reflect.DeepEqual(is[i], want[i]):
					a, _ := json.Marshal(is[i])
					b, _ := json.Marshal(want[i])
					t.Errorf("declared %s\nwant     %s", a, b)
				}
			}
		})
	}
}

func TestTargetsDifferOnlyInPipelineTriggerAndLinkedServices(t *testing.T) {
	here, err := run(t, "localhost:1", map[string]string{"modelEndpoint": "https://m"})
	if err != nil {
		t.Fatal(err)
	}
	there, err := run(t, "", map[string]string{"modelEndpoint": "https://m"})
	if err != nil {
		t.Fatal(err)
	}
	may := map[string]bool{"azure-native:datafactory:Pipeline": true, "azure-native:datafactory:Trigger": true, "azure-native:datafactory:LinkedService": true}
	same := func(list []declared) (out []declared) {
		for _, d := range list {
			if !may[d.Token] {
				out = append(out, d)
			}
		}
		return out
	}
	if a, b := same(here.resources), same(there.resources); !reflect.DeepEqual(a, b) {
		t.Errorf("switchyard: %v\nazure:      %v", a, b)
	}
}

func TestExports(t *testing.T) {
	for _, target := range []Target{Switchyard, Azure} {
		t.Run(string(target), func(t *testing.T) {
			t.Setenv("ARM_METADATA_HOSTNAME", "localhost:1")
			e := &engine{}
			outputs := map[string]any{}
			secrets := map[string]bool{}
			err := pulumi.RunErr(func(ctx *pulumi.Context) error {
				if err := e.program(ctx); err != nil {
					return err
				}
				var wg sync.WaitGroup
				var mu sync.Mutex
				for name, v := range ctx.GetCurrentExportMap() {
					wg.Add(1)
					out := pulumi.ToOutput(v)
					out.ApplyT(func(v any) any {
						mu.Lock()
						defer mu.Unlock()
						outputs[name] = v
						wg.Done()
						return v
					})
					secrets[name] = pulumi.IsSecret(out)
				}
				wg.Wait()
				return nil
			}, pulumi.WithMocks("reference", "test", e), func(info *pulumi.RunInfo) {
				info.Config = map[string]string{"reference:target": string(target), "reference:modelEndpoint": "https://m"}
			})
			if err != nil {
				t.Fatal(err)
			}
			trigger := map[Target]string{Switchyard: "OnTicket", Azure: "EveryMinute"}[target]
			want := map[string]any{"target": string(target), "resource_group_name": "ai-resource-group", "service_bus_namespace_name": "ai-servicebus",
				"service_bus_queue_name": "ai-tickets", "service_bus_results_queue_name": "ai-results", "data_factory_name": "ai-data-factory",
				"service_bus_connection_string": "Endpoint=sb://ai-servicebus;SharedAccessKeyName=ai-clients",
				"pipeline_name":                 "AnswerTickets", "trigger_name": trigger}
			if !reflect.DeepEqual(outputs, want) {
				t.Errorf("outputs = %v\nwant      %v", outputs, want)
			}
			for name, is := range secrets {
				if is != (name == "service_bus_connection_string") {
					t.Errorf("%s: secret = %v", name, is)
				}
			}
			if !slices.Equal(e.calls, []string{"azure-native:servicebus:listNamespaceKeys"}) {
				t.Errorf("functions called: %v", e.calls)
			}
		})
	}
}

func TestBasicTierHasNoTopics(t *testing.T) {
	e, err := run(t, "localhost:1", map[string]string{"tier": "Basic"})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range e.resources {
		if strings.HasSuffix(d.Token, ":Topic") || strings.HasSuffix(d.Token, ":Subscription") {
			t.Errorf("declares %s", d.Token)
		}
	}
}

func TestConfigurationMistakesAreNamed(t *testing.T) {
	for _, tt := range []struct {
		env      string
		settings map[string]string
		want     string
	}{
		{"localhost:1", map[string]string{"target": "aws"}, `target is "aws"`},
		{"localhost:1", map[string]string{"tier": "Gold"}, `tier is "Gold"`},
		{"", nil, "needs reference:modelEndpoint"},
		{"localhost:1", map[string]string{"target": "azure"}, "needs reference:modelEndpoint"},
	} {
		if _, err := run(t, tt.env, tt.settings); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: error = %v, want one with %q", tt.settings, err, tt.want)
		}
	}
}

func TestPost(t *testing.T) {
	var got *http.Request
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r; w.WriteHeader(status) }))
	defer srv.Close()
	if err := post(t.Context(), srv.URL, "/a/triggers/T/start", "tok"); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.URL.String() != "/a/triggers/T/start?api-version=2018-06-01" || got.Header.Get("Authorization") != "Bearer tok" {
		t.Errorf("asked %s %s %v", got.Method, got.URL, got.Header)
	}
	status = http.StatusConflict
	if err := post(t.Context(), srv.URL, "/a", "tok"); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("error = %v, want the status", err)
	}
}
