package datafactoryrp_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"switchyard/arm/armtest"
	"switchyard/arm/datafactoryrp"
	"switchyard/value"
)

// TestWarnings: what Azure accepts and has no effect here succeeds, and says so.
func TestWarnings(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	for _, tt := range []struct{ path, properties, want string }{
		{"$DF?$V", `{"publicNetworkAccess":"Enabled"}`, ""},
		{"$DF?$V", `{"publicNetworkAccess":"Disabled"}`, "publicNetworkAccess of data factory 'contoso' is kept without effect"},
		{"$DF?$V", `{"globalParameters":{"a":{"type":"Int","value":1},"B":{"type":"Int","value":2},"c":{"type":"Int","value":3}}}`, ""},
		{"$DF?$V", `{"globalParameters":{"b":{"type":"Int","value":4},"d":{"type":"Int","value":5}}}`, "has removed its global parameters 'a', 'c', as in Azure"},
		{"$DF/globalParameters/default?$V", `{"b":{"type":"Int","value":2}}`, ""},
		{"$DF?$V", `{}`, "PUT of data factory 'contoso' has removed its global parameters 'b', as in Azure"},
		{"$DF?$V", `{}`, ""},
		{"$DF/pipelines/plain?$V", `{"activities":[{"name":"w","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}`, ""},
		{"$DF/pipelines/idle?$V", `{"activities":[{"name":"each","type":"ForEach","typeProperties":{"items":{"value":"@range(0,2)","type":"Expression"},"activities":[{"name":"notebook","type":"DatabricksNotebook","typeProperties":{"notebookPath":"/n"}}]}}]}`,
			"activity 'notebook' of pipeline 'idle' is of type DatabricksNotebook"},
		{"$DF/pipelines/inactive?$V", `{"activities":[{"name":"notebook","type":"DatabricksNotebook","state":"Inactive","typeProperties":{"notebookPath":"/n"}}]}`, ""},
		{"$DF/pipelines/shared?$V", `{"variables":{"v":{"type":"String"}},"activities":[{"name":"each","type":"ForEach","typeProperties":{"items":{"value":"@range(0,2)","type":"Expression"},"activities":[{"name":"set","type":"SetVariable","typeProperties":{"variableName":"v","value":"@string(item())"}}]}}]}`,
			"pipeline 'shared': $.properties.activities[0].typeProperties.activities[0].typeProperties.variableName: iterations of the ForEach"},
		{"$DF/integrationRuntimes/own?$V", `{"type":"SelfHosted"}`, "integration runtime 'own' is kept without effect: what connects via it fails, because only AutoResolveIntegrationRuntime runs here"},
		{"$DF/managedVirtualNetworks/default?$V", `{}`, "managed virtual network 'default' is kept without effect"},
		{"$DF/triggers/hourly?$V", `{"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Hour","interval":1}}}`, ""},
		{"$DF/triggers/window?$V", `{"type":"TumblingWindowTrigger","typeProperties":{"frequency":"Hour","interval":1}}`, ""},
		{"$DF/triggers/blob?$V", `{"type":"BlobEventsTrigger","typeProperties":{}}`, "trigger 'blob' is of type BlobEventsTrigger"},
	} {
		w := serve(f.k, "PUT", expand(tt.path), `{"location":"westeurope","properties":`+tt.properties+`}`)
		warning := w.Header().Get("Warning")
		switch {
		case w.Code != 200:
			t.Errorf("PUT %s: %d %s", tt.path, w.Code, w.Body)
		case tt.want == "" && warning != "":
			t.Errorf("PUT %s: warning %s, want none", tt.path, warning)
		case tt.want != "" && (!strings.HasPrefix(warning, `199 Switchyard "`) || !strings.Contains(warning, tt.want)):
			t.Errorf("PUT %s: warning %s, want one with %q", tt.path, warning, tt.want)
		}
	}
	var many []string
	for i := range 120 {
		many = append(many, fmt.Sprintf(`{"name":"a%d","type":"DatabricksNotebook","typeProperties":{"notebookPath":"/n"}}`, i))
	}
	w := serve(f.k, "PUT", expand("$DF/pipelines/many?$V"), `{"properties":{"activities":[`+strings.Join(many, ",")+`]}}`)
	if all := w.Header().Values("Warning"); w.Code != 200 || len(all) != 10 || all[9] != `199 Switchyard "111 more warnings are in the log."` {
		t.Errorf("PUT of 120 activities that do not run: %d, %d warnings, want 10: clients bound an answer's headers\n%q", w.Code, len(all), all)
	}
	strict := datafactoryrp.EngineRuns{Engine: f.engine, Factories: f.m, Strict: true}
	_, err := strict.CreateRun(t.Context(), "contoso", "idle", &value.Object{})
	if !errors.Is(err, datafactoryrp.ErrBadRequest) || !strings.Contains(err.Error(), "activity 'notebook' is of type DatabricksNotebook") {
		t.Errorf("strict run of a pipeline that can't run: %v, want it refused with the activity's name", err)
	}
	for _, name := range []string{"plain", "inactive"} {
		if _, err := strict.CreateRun(t.Context(), "contoso", name, &value.Object{}); err != nil {
			t.Errorf("strict run of %s: %v", name, err)
		}
	}
}
