package factory

import (
	"errors"
	"strings"
	"testing"

	"switchyard/pipeline"
)

// TestVerbatim: what is put is shown as it was sent: order, members that nobody
// knows, the spelling of numbers and escapes. Only space between tokens goes.
func TestVerbatim(t *testing.T) {
	w := open(t, newRecords()).factory()
	text := `{"zeta":1.50,"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1e0},"x":"\u0041<&>"}],"big":123456789012345678901234567890,"annotations":["a",1.0,-0]}`
	spaced := strings.ReplaceAll(strings.ReplaceAll(text, `,"`, ",\n  \""), `":`, `" : `)
	if d := w.put(Pipelines, "P", spaced); string(d.Properties) != text {
		t.Errorf("put:\ngot  %s\nwant %s", d.Properties, text)
	}
	again := open(t, w.records)
	d, err := again.Definition(theID, Pipelines, "p")
	if err != nil {
		t.Fatal(err)
	}
	if string(d.Properties) != text || d.Name != "P" {
		t.Errorf("after a restart: got %s of the name %s, want %s of P", d.Properties, d.Name, text)
	}
}

// TestMalformed: mistakes are told with the JSON path, and nothing is kept.
func TestMalformed(t *testing.T) {
	w := open(t, newRecords()).triggered()
	tests := []struct {
		kind       Kind
		name, text string
		path       string
		want       error
	}{
		{Pipelines, "X", `[]`, "$.properties", ErrInvalid},
		{Pipelines, "X", `{`, "$.properties", ErrInvalid},
		{Pipelines, "X", `{"activities":{}}`, "$.properties.activities", ErrInvalid},
		{Pipelines, "X", `{"activities":[{"type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}`, "$.properties.activities[0].name", ErrInvalid},
		{Pipelines, "a/b", `{}`, "$.name", ErrInvalid},
		{Pipelines, "X", `{"activities":[{"name":"A","type":"Wait","dependsOn":[{"activity":"B"}],"typeProperties":{"waitTimeInSeconds":1}}]}`, "$.properties.activities[0].dependsOn[0].activity", ErrInvalid},
		{Pipelines, "X", `{"activities":[{"name":"A","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"Nope","type":"PipelineReference"}}}]}`, "Nope", ErrMissingReference},
		{Pipelines, "X", `{"activities":[{"name":"A","type":"ExecuteDataFlow","typeProperties":{"dataFlow":{"referenceName":"Flow","type":"DataFlowReference"}}}]}`, "Flow", ErrMissingReference},
		{Datasets, "X", `{"type":"Json","linkedServiceName":{"referenceName":"Nope","type":"LinkedServiceReference"}}`, "Nope", ErrMissingReference},
		{Triggers, "X", strings.Replace(triggerText, `"P"`, `"Q"`, 1), "Q", ErrMissingReference},
		{Triggers, "X", strings.Replace(triggerText, `"queueName"`, `"queue"`, 1), "$.properties.typeProperties", ErrInvalid},
		{LinkedServices, "X", `{"type":"AzureServiceBus","typeProperties":{}}`, "$.properties.typeProperties", ErrInvalid},
		{LinkedServices, "X", `{"type":"Web","connectVia":{"referenceName":"Self","type":"IntegrationRuntimeReference"}}`, "Self", ErrMissingReference},
		{LinkedServices, "X", `{"type":"Web","typeProperties":{"password":{"type":"SecureString","value":"**********"}}}`, "$.properties.typeProperties.password.value", ErrInvalid},
		{DataFlows, "X", `{"type":"Other"}`, "$.properties.type", ErrInvalid},
		{IntegrationRuntimes, "a_b", `{"type":"Managed"}`, "$.name", ErrInvalid},
		{Credentials, "X", `{}`, "$.properties.type", ErrInvalid},
	}
	units := len(w.records.units)
	for _, tt := range tests {
		_, err := w.Put(t.Context(), theID, tt.kind, tt.name, Document{Text: []byte(tt.text)}, nil)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, tt.want) || !strings.Contains(e.Message, tt.path) {
			t.Errorf("put %s %s:\ngot  %v\nwant %v at %s", tt.kind.Noun(), tt.text, err, tt.want, tt.path)
		}
	}
	if got := len(w.records.units); got != units {
		t.Errorf("%d units were committed by what was refused, want none", got-units)
	}
}

// TestAccepted: what Data Factory has and does not run here is kept.
func TestAccepted(t *testing.T) {
	w := open(t, newRecords()).factory()
	w.put(IntegrationRuntimes, "Self-Hosted", `{"type":"SelfHosted"}`)
	w.put(Credentials, "Me", `{"type":"ManagedIdentity","typeProperties":{}}`)
	w.put(ManagedVirtualNetworks, "default", `{}`)
	w.put(LinkedServices, "Blob", `{"type":"AzureBlobStorage","connectVia":{"referenceName":"self-hosted","type":"IntegrationRuntimeReference"},"typeProperties":{"connectionString":"AccountName=x"}}`)
	w.put(LinkedServices, "Auto", `{"type":"AzureBlobStorage","connectVia":{"referenceName":"AutoResolveIntegrationRuntime","type":"IntegrationRuntimeReference"}}`)
	w.put(Datasets, "D", `{"type":"Json","linkedServiceName":{"referenceName":"Blob","type":"LinkedServiceReference"}}`)
	w.put(DataFlows, "Flow", `{"type":"MappingDataFlow","typeProperties":{"sources":[{"dataset":{"referenceName":"D","type":"DatasetReference"}}]}}`)
	w.put(Pipelines, "P", `{"activities":[
		{"name":"Flow","type":"ExecuteDataFlow","typeProperties":{"dataFlow":{"referenceName":"Flow","type":"DataFlowReference"}}},
		{"name":"Unheard","type":"SomethingNew","typeProperties":{}},
		{"name":"Half","type":"AzureFunctionActivity","typeProperties":{"functionName":"f"}},
		{"name":"Off","type":"Copy","state":"Inactive","inputs":[{"referenceName":"gone","type":"DatasetReference"}]}]}`)
	w.put(Triggers, "Hourly", `{"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Hour","interval":1}},"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}]}`)

	if _, err := w.LinkedService("contoso", "Blob"); !errors.Is(err, ErrNotSupported) || !strings.Contains(err.Error(), "self-hosted") {
		t.Errorf("use of a linked service behind an integration runtime: got %v, want an error that names it", err)
	}
	if l, err := w.LinkedService("CONTOSO", "auto"); err != nil || l.Name != "Auto" {
		t.Errorf("use of a linked service over AutoResolve: got %v, %v", l, err)
	}
	w.put(Triggers, "Custom", `{"type":"CustomEventsTrigger","typeProperties":{"events":["x"]}}`)
	err := w.StartTrigger(t.Context(), theID, "Custom")
	if !errors.Is(err, ErrNotSupported) || !strings.Contains(err.Error(), "CustomEventsTrigger") {
		t.Errorf("start of an event trigger: got %v, want ErrNotSupported that names its type", err)
	}
}

// TestReferences: what is referred to can't be deleted; what refers can.
func TestReferences(t *testing.T) {
	w := open(t, newRecords()).triggered()
	w.put(Datasets, "D", `{"type":"Json","linkedServiceName":{"referenceName":"bus","type":"LinkedServiceReference"}}`)
	w.put(Pipelines, "Caller", `{"activities":[
		{"name":"Call","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"p","type":"PipelineReference"}}},
		{"name":"Look","type":"Lookup","typeProperties":{"source":{"type":"JsonSource"},"dataset":{"referenceName":"D","type":"DatasetReference"}}}]}`)
	w.put(Triggers, "T", triggerText)
	refuse := func(k Kind, name string, by ...string) {
		t.Helper()
		_, err := w.Delete(t.Context(), theID, k, name, nil)
		wantKind(t, "delete "+name, err, ErrReferenced)
		for _, b := range by {
			if err != nil && !strings.Contains(err.Error(), b) {
				t.Errorf("delete %s: got %v, want %s named", name, err, b)
			}
		}
	}
	remove := func(k Kind, name string) {
		t.Helper()
		if existed, err := w.Delete(t.Context(), theID, k, name, nil); err != nil || !existed {
			t.Errorf("delete %s: got %t, %v, want true", name, existed, err)
		}
	}
	refuse(Pipelines, "P", "Caller", "T")
	refuse(Datasets, "D", "Caller")
	refuse(LinkedServices, "Bus", "D", "T")
	remove(Triggers, "t")
	remove(Pipelines, "caller")
	remove(Pipelines, "P")
	remove(Datasets, "D")
	remove(LinkedServices, "Bus")
	if existed, err := w.Delete(t.Context(), theID, Pipelines, "P", nil); err != nil || existed {
		t.Errorf("delete what is gone: got %t, %v, want false", existed, err)
	}
}

// TestFactoryEnvelope: identity, tags, location and read-only members.
func TestFactoryEnvelope(t *testing.T) {
	w := open(t, newRecords())
	put := func(id ID, in Input) (*Resource, error) { return w.PutFactory(t.Context(), id, in, nil) }
	first, err := put(theID, Input{Location: "West Europe", Tags: []byte(`{ "b":"2","a":"1"}`), Identity: []byte(`{"type":"SystemAssigned","principalId":"mine"}`),
		Properties: []byte(`{"createTime":"1999","unknown":1.0,"globalParameters":{"n":{"type":"Int","value":7}},"repoConfiguration":{"type":"FactoryGitHubConfiguration","accountName":"a"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if first.Location != "westeurope" || string(first.Tags) != `{"b":"2","a":"1"}` || first.ProvisioningState != Succeeded || len(first.Identity.PrincipalID) != 36 || first.Identity.TenantID != tenant {
		t.Errorf("got %+v with identity %+v", first, first.Identity)
	}
	if want := `{"unknown":1.0,"globalParameters":{"n":{"type":"Int","value":7}},"repoConfiguration":{"type":"FactoryGitHubConfiguration","accountName":"a"}}`; string(first.Properties) != want {
		t.Errorf("properties: got %s, want %s", first.Properties, want)
	}
	f, err := w.Factory("Contoso")
	if v, _ := f.GlobalParameters.Get("n"); err != nil || v != int64(7) {
		t.Errorf("global parameter n: got %v, %v, want 7", v, err)
	}
	second, err := put(ID{theID.Subscription, "RG", "CONTOSO"}, Input{Location: "westeurope"})
	if err != nil {
		t.Fatal(err)
	}
	if second.ID != theID || second.ETag == first.ETag || *second.Identity != *first.Identity || !second.Created.Equal(first.Created) || string(second.Tags) != `{}` {
		t.Errorf("second put: got %+v, want the casing, identity and creation of the first and no tags", second)
	}
	for _, tt := range []struct {
		what string
		id   ID
		in   Input
		want error
	}{
		{"moved", theID, Input{Location: "eastus"}, ErrLocation},
		{"other group", ID{theID.Subscription, "other", "contoso"}, Input{Location: "westeurope"}, ErrNameInUse},
		{"short name", ID{theID.Subscription, "rg", "ab"}, Input{}, ErrInvalid},
		{"bad name", ID{theID.Subscription, "rg", "a--b"}, Input{}, ErrInvalid},
		{"user identity", theID, Input{Location: "westeurope", Identity: []byte(`{"type":"UserAssigned","userAssignedIdentities":{"/x":{}}}`)}, ErrNotSupported},
		{"unknown identity", theID, Input{Location: "westeurope", Identity: []byte(`{"type":"Mine"}`)}, ErrInvalid},
		{"customer's key", theID, Input{Location: "westeurope", Properties: []byte(`{"encryption":{"keyName":"k"}}`)}, ErrNotSupported},
		{"access", theID, Input{Location: "westeurope", Properties: []byte(`{"publicNetworkAccess":true}`)}, ErrInvalid},
		{"global parameter", theID, Input{Location: "westeurope", Properties: []byte(`{"globalParameters":{"n":{"type":"Int","value":"x"}}}`)}, ErrInvalid},
		{"tags", theID, Input{Location: "westeurope", Tags: []byte(`{"a":1}`)}, ErrInvalid},
	} {
		_, err := put(tt.id, tt.in)
		wantKind(t, tt.what, err, tt.want)
	}
	patched, err := w.PatchFactory(t.Context(), theID, Input{Tags: []byte(`{"x":"y"}`), Properties: []byte(`{"publicNetworkAccess":"Disabled"}`)}, nil)
	if err != nil || string(patched.Tags) != `{"x":"y"}` || string(patched.Properties) != `{"publicNetworkAccess":"Disabled"}` {
		t.Errorf("patch: got %+v, %v", patched, err)
	}
	_, err = w.PatchFactory(t.Context(), theID, Input{Properties: []byte(`{"globalParameters":{}}`)}, nil)
	wantKind(t, "patch of what can't be patched", err, ErrInvalid)
	if _, err := w.PutGlobalParameters(t.Context(), theID, []byte(`{"s":{"type":"String","value":"x"}}`), nil); err != nil {
		t.Fatal(err)
	}
	f, _ = w.Factory("contoso")
	if v, _ := f.GlobalParameters.Get("s"); v != "x" {
		t.Errorf("global parameter s: got %v, want x", v)
	}
	if l := w.List(theID.Subscription, "rg"); len(l) != 1 || len(w.List(theID.Subscription, "")) != 1 || len(w.List(theID.Subscription, "no")) != 0 {
		t.Errorf("list: got %v", l)
	}
}

// TestChecks: a refused condition changes nothing, and sees the state of now.
func TestChecks(t *testing.T) {
	w := open(t, newRecords()).factory()
	no := errors.New("no")
	var seen []string
	check := func(exists bool, etag string) error {
		if exists {
			seen = append(seen, etag)
		} else {
			seen = append(seen, "none")
		}
		return no
	}
	if _, err := w.Put(t.Context(), theID, Pipelines, "P", Document{Text: []byte(emptyText)}, check); err != no {
		t.Errorf("put: got %v, want the check's error", err)
	}
	d := w.put(Pipelines, "P", emptyText)
	w.Put(t.Context(), theID, Pipelines, "P", Document{Text: []byte(emptyText)}, check)
	w.Delete(t.Context(), theID, Pipelines, "P", check)
	if got, want := strings.Join(seen, " "), "none "+d.ETag+" "+d.ETag; got != want {
		t.Errorf("checks saw %s, want %s", got, want)
	}
	if again := w.put(Pipelines, "P", emptyText); again.ETag == d.ETag {
		t.Errorf("the etag is %s after another put, want a new one", again.ETag)
	}
	_, err := w.Definition(theID, Pipelines, "Q")
	wantKind(t, "a pipeline that is not there", err, ErrNotFound)
	_, err = w.Definition(ID{theID.Subscription, "other", "contoso"}, Pipelines, "P")
	wantKind(t, "a factory of another group", err, ErrFactoryNotFound)
}

// TestDeploy: a folder's factory is repeated at every start and keeps what was
// changed meanwhile; what left the folder goes.
func TestDeploy(t *testing.T) {
	folder := func(trigger, wait string, pipelines ...string) *pipeline.Factory {
		f, ds := pipeline.ParseFactory("", []byte(`{"name":"contoso","properties":{"globalParameters":{"g":{"type":"String","value":"v"}}}}`))
		l, more := pipeline.ParseLinkedService("", []byte(`{"name":"Bus","properties":`+busText+`}`))
		f.PutLinkedService(l)
		ds = append(ds, more...)
		for _, name := range pipelines {
			p, more := pipeline.ParsePipeline("", []byte(`{"name":"`+name+`","properties":{"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":`+wait+`}}]}}`))
			f.PutPipeline(p)
			ds = append(ds, more...)
		}
		tr, more := pipeline.ParseTrigger("", []byte(`{"name":"T","properties":`+trigger+`}`))
		f.PutTrigger(tr)
		if err := append(ds, more...).Err(); err != nil {
			t.Fatal(err)
		}
		return f
	}
	r := newRecords()
	w := open(t, r)
	deploy := func(f *pipeline.Factory) {
		t.Helper()
		if err := w.Deploy(t.Context(), theID, "local", f); err != nil {
			t.Fatal(err)
		}
	}
	deploy(folder(startedText, "1", "P", "Old"))
	if len(r.units) != 1 {
		t.Errorf("%d units, want one for the whole folder", len(r.units))
	}
	if got := w.starter.names(); len(got) != 1 || got[0] != "contoso/T" {
		t.Errorf("running: %v, want the trigger that the folder says is started", got)
	}
	principal, err := w.Principal("contoso")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.StopTrigger(t.Context(), theID, "T"); err != nil {
		t.Fatal(err)
	}
	w.put(Pipelines, "Own", emptyText)
	w.put(Pipelines, "P", `{"activities":[],"description":"changed"}`)

	w.Close()
	w = open(t, r)
	units := len(r.units)
	deploy(folder(startedText, "1", "P", "Old"))
	if got := len(r.units) - units; got != 0 {
		t.Errorf("%d units for a folder that has not changed, want none", got)
	}
	if again, _ := w.Principal("contoso"); again != principal {
		t.Errorf("identity: got %v, want the same as before, %v", again, principal)
	}
	if got := w.starter.names(); len(got) != 0 {
		t.Errorf("running: %v, want none: the trigger was stopped", got)
	}
	if d, _ := w.Definition(theID, Pipelines, "P"); !strings.Contains(string(d.Properties), "changed") {
		t.Errorf("P is %s, want what was put", d.Properties)
	}

	deploy(folder(startedText, "2", "P"))
	if d, _ := w.Definition(theID, Pipelines, "P"); !strings.Contains(string(d.Properties), `"waitTimeInSeconds":2`) {
		t.Errorf("P is %s, want what the folder says now", d.Properties)
	}
	_, err = w.Definition(theID, Pipelines, "Old")
	wantKind(t, "a pipeline that left the folder", err, ErrNotFound)
	if _, err := w.Definition(theID, Pipelines, "Own"); err != nil {
		t.Errorf("a pipeline that was never in the folder: %v", err)
	}
	wantKind(t, "deploy into another group", w.Deploy(t.Context(), ID{theID.Subscription, "other", ""}, "local", folder(triggerText, "1", "P")), ErrNameInUse)
}
