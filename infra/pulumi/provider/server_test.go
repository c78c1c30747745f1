package provider

import (
	"context"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"switchyard/infra/pulumi/provider/armtest"
)

const inGroup = "/subscriptions/" + armtest.Subscription + "/resourceGroups/rg"

type props = map[string]any

// configured is a provider that leads to a fresh Resource Manager with one group.
func configured(t *testing.T) (*Server, *armtest.Server) {
	t.Helper()
	arm := armtest.New(t)
	env := arm.Env()
	s := New(Options{Getenv: func(k string) string { return env[k] }})
	if _, err := s.Configure(t.Context(), &pulumirpc.ConfigureRequest{}); err != nil {
		t.Fatal(err)
	}
	return s, arm
}

func withGroup(t *testing.T) (*Server, *armtest.Server) {
	t.Helper()
	s, arm := configured(t)
	create(t, s, "azure-native:resources:ResourceGroup", props{"resourceGroupName": "rg", "location": "westeurope"})
	arm.Requests()
	return s, arm
}

func pack(t *testing.T, m props) *structpb.Struct {
	t.Helper()
	out, err := message(resource.NewPropertyMapFromMap(m), "test")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func packMap(t *testing.T, m resource.PropertyMap) *structpb.Struct {
	t.Helper()
	out, err := message(m, "test")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func unpack(t *testing.T, s *structpb.Struct) resource.PropertyMap {
	t.Helper()
	out, err := properties(s, "test")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func urnOf(tok string) string { return "urn:pulumi:stack::project::" + tok + "::my_thing" }

func check(t *testing.T, s *Server, tok string, olds, news props) (resource.PropertyMap, []*pulumirpc.CheckFailure) {
	t.Helper()
	r, err := s.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urnOf(tok), Type: tok, Name: "my_thing", Olds: pack(t, olds), News: pack(t, news), RandomSeed: []byte("seed")})
	if err != nil {
		t.Fatal(err)
	}
	return unpack(t, r.Inputs), r.Failures
}

func create(t *testing.T, s *Server, tok string, in props) (string, resource.PropertyMap) {
	t.Helper()
	r, err := s.Create(t.Context(), &pulumirpc.CreateRequest{Urn: urnOf(tok), Type: tok, Name: "my_thing", Properties: pack(t, in)})
	if err != nil {
		t.Fatalf("create %s: %v", tok, err)
	}
	return r.Id, unpack(t, r.Properties)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPluginIsHonestAboutItsName(t *testing.T) {
	s := New(Options{})
	info, err := s.GetPluginInfo(t.Context(), &emptypb.Empty{})
	if err != nil || !strings.Contains(info.Version, "switchyard") {
		t.Errorf("GetPluginInfo = %v, %v; want a version that names Switchyard", info, err)
	}
	schema, err := s.GetSchema(t.Context(), &pulumirpc.GetSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Name, DisplayName, Version string }
	if err := json.Unmarshal([]byte(schema.Schema), &v); err != nil || v.Name != pkg || v.DisplayName != Name || v.Version != Version {
		t.Errorf("GetSchema = %s, %v", schema.Schema, err)
	}
}

func TestConfigureSaysWhatIsMissing(t *testing.T) {
	full := armtest.New(t).Env()
	for _, tt := range []struct {
		name string
		env  map[string]string
		drop string
		want string // "" is success
	}{
		{"all there", nil, "", ""},
		{"no host", nil, "ARM_METADATA_HOSTNAME", "ARM_METADATA_HOSTNAME"},
		{"no secret", nil, "ARM_CLIENT_SECRET", "clientSecret (ARM_CLIENT_SECRET) is not set"},
		{"no subscription", nil, "ARM_SUBSCRIPTION_ID", "ARM_SUBSCRIPTION_ID"},
		{"managed identity", map[string]string{"ARM_USE_MSI": "true"}, "", "not with useMsi"},
		{"managed identity off", map[string]string{"ARM_USE_MSI": "false"}, "", ""},
		{"plain http", map[string]string{"ARM_METADATA_HOSTNAME": "http://localhost:1"}, "", "not https"},
		{"no such certificate file", map[string]string{"SSL_CERT_FILE": "/nonexistent"}, "", "certificates to trust"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{}
			for k, v := range full {
				env[k] = v
			}
			for k, v := range tt.env {
				env[k] = v
			}
			delete(env, tt.drop)
			t.Setenv("SSL_CERT_FILE", "")
			r, err := New(Options{Getenv: func(k string) string { return env[k] }}).Configure(t.Context(), &pulumirpc.ConfigureRequest{})
			if tt.want == "" {
				if err != nil || !r.SupportsPreview || !r.AcceptSecrets {
					t.Errorf("Configure = %v, %v", r, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestConfigureReadsArgumentsBeforeVariablesBeforeEnvironment(t *testing.T) {
	env := armtest.New(t).Env()
	env["ARM_LOCATION"] = "from-environment"
	for _, tt := range []struct {
		args, variable, want string
	}{{"", "", "from-environment"}, {"", "from-variable", "from-variable"}, {"from-arguments", "from-variable", "from-arguments"}, {`"quoted"`, "", "quoted"}} {
		s := New(Options{Getenv: func(k string) string { return env[k] }})
		_, err := s.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: pack(t, props{"location": tt.args}),
			Variables: map[string]string{"azure-native:config:location": tt.variable}})
		if err != nil || s.location() != tt.want {
			t.Errorf("arguments %q, variable %q: location = %q, %v; want %q", tt.args, tt.variable, s.location(), err, tt.want)
		}
	}
}

func TestDiffConfigReplacesOnAnotherSubscription(t *testing.T) {
	s := New(Options{})
	d, err := s.DiffConfig(t.Context(), &pulumirpc.DiffRequest{OldInputs: pack(t, props{"subscriptionId": "a", "clientSecret": "x"}),
		News: pack(t, props{"subscriptionId": "b", "clientSecret": "y"})})
	if err != nil || !reflect.DeepEqual(d.Replaces, []string{"subscriptionId"}) {
		t.Errorf("Replaces = %v, %v; want subscriptionId alone", d.GetReplaces(), err)
	}
}

func TestUnknownTokensAreNamed(t *testing.T) {
	s, _ := configured(t)
	for _, tok := range []string{"azure-native:storage:StorageAccount", "azure-native:servicebus/latest:Queue", "aws:s3:Bucket", "nonsense"} {
		_, err := s.Check(t.Context(), &pulumirpc.CheckRequest{Type: tok, News: pack(t, nil)})
		if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), tok) {
			t.Errorf("Check of %q = %v; want Unimplemented with the token", tok, err)
		}
		_, err = s.Create(t.Context(), &pulumirpc.CreateRequest{Type: tok})
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("Create of %q = %v; want Unimplemented", tok, err)
		}
	}
	if _, err := s.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "azure-native:storage:listStorageAccountKeys"}); err == nil || !strings.Contains(err.Error(), "listStorageAccountKeys") {
		t.Errorf("Invoke of an unknown function = %v", err)
	}
}

func TestTokensWithVersion(t *testing.T) {
	for _, tt := range []struct{ token, kind, version string }{
		{"azure-native:servicebus:Queue", "servicebus:Queue", "2026-01-01"},
		{"azure-native:servicebus/v20240101:Queue", "servicebus:Queue", "2024-01-01"},
		{"azure-native:servicebus/v20221001preview:Queue", "servicebus:Queue", "2022-10-01-preview"},
		{"azure-native:datafactory/v20180601:Pipeline", "datafactory:Pipeline", "2018-06-01"},
		{"azure-native:resources/resourceGroup:ResourceGroup", "resources:ResourceGroup", "2024-03-01"},
	} {
		k, version, err := kindOf(tt.token)
		if err != nil || k.token != tt.kind || version != tt.version {
			t.Errorf("kindOf(%q) = %v, %q, %v; want %s, %s", tt.token, k, version, err, tt.kind, tt.version)
		}
	}
}

func TestCheckNames(t *testing.T) {
	s, _ := withGroup(t)
	hex := regexp.MustCompile(`^my_thing[0-9a-f]{8}$`)
	in := props{"resourceGroupName": "rg", "namespaceName": "ns"}
	first, failures := check(t, s, "azure-native:servicebus:Queue", nil, in)
	if len(failures) > 0 || !hex.MatchString(first["queueName"].StringValue()) {
		t.Fatalf("queueName = %v, %v; want the logical name and 8 hex digits", first["queueName"], failures)
	}
	again, _ := check(t, s, "azure-native:servicebus:Queue", nil, in)
	if !again["queueName"].DeepEquals(first["queueName"]) {
		t.Errorf("the same seed named %v, then %v", first["queueName"], again["queueName"])
	}
	kept, _ := check(t, s, "azure-native:servicebus:Queue", props{"queueName": "old"}, in)
	if kept["queueName"].StringValue() != "old" {
		t.Errorf("with an old name: %v; want it kept", kept["queueName"])
	}
	given, _ := check(t, s, "azure-native:servicebus:Queue", props{"queueName": "old"}, props{"resourceGroupName": "rg", "namespaceName": "ns", "queueName": "mine"})
	if given["queueName"].StringValue() != "mine" {
		t.Errorf("with a name given: %v", given["queueName"])
	}
	ns, _ := check(t, s, "azure-native:servicebus:Namespace", nil, props{"resourceGroupName": "rg"})
	if !regexp.MustCompile(`^my-thing[0-9a-f]{8}$`).MatchString(ns["namespaceName"].StringValue()) {
		t.Errorf("namespaceName = %v; want no underscore, which Azure refuses", ns["namespaceName"])
	}
	role, _ := check(t, s, "azure-native:authorization:RoleAssignment", nil, props{"scope": inGroup, "principalId": "p", "roleDefinitionId": "r"})
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(role["roleAssignmentName"].StringValue()) {
		t.Errorf("roleAssignmentName = %v; want a UUID", role["roleAssignmentName"])
	}
}

func TestCheckObeysTheProjectsNaming(t *testing.T) {
	s, _ := withGroup(t)
	for _, tt := range []struct {
		mode pulumirpc.CheckRequest_AutonamingOptions_Mode
		want string // "" is a failure
	}{
		{pulumirpc.CheckRequest_AutonamingOptions_PROPOSE, "proposed"},
		{pulumirpc.CheckRequest_AutonamingOptions_ENFORCE, "proposed"},
		{pulumirpc.CheckRequest_AutonamingOptions_DISABLE, ""},
	} {
		r, err := s.Check(t.Context(), &pulumirpc.CheckRequest{Type: "azure-native:resources:ResourceGroup", Name: "x", News: pack(t, props{"location": "l"}), RandomSeed: []byte("s"),
			Autonaming: &pulumirpc.CheckRequest_AutonamingOptions{ProposedName: "proposed", Mode: tt.mode}})
		if err != nil {
			t.Fatal(err)
		}
		if tt.want == "" {
			if len(r.Failures) == 0 || r.Failures[0].Property != "resourceGroupName" {
				t.Errorf("%v: failures = %v", tt.mode, r.Failures)
			}
			continue
		}
		if got := unpack(t, r.Inputs)["resourceGroupName"]; got.StringValue() != tt.want {
			t.Errorf("%v: name = %v, want %s", tt.mode, got, tt.want)
		}
	}
}

func TestCheckLocations(t *testing.T) {
	s, _ := withGroup(t)
	ns := "azure-native:servicebus:Namespace"
	got, _ := check(t, s, ns, nil, props{"resourceGroupName": "rg"})
	if got["location"].V != "westeurope" {
		t.Errorf("location = %v, want the group's", got["location"])
	}
	got, failures := check(t, s, ns, nil, props{"resourceGroupName": "not-yet"})
	if len(failures) > 0 || !got["location"].IsComputed() {
		t.Errorf("location in a group that does not exist yet = %v, %v; want unknown", got["location"], failures)
	}
	_, failures = check(t, s, "azure-native:resources:ResourceGroup", nil, nil)
	if len(failures) != 1 || failures[0].Property != "location" || !strings.Contains(failures[0].Reason, "azure-native:location") {
		t.Errorf("group without location: %v", failures)
	}
	got, _ = check(t, s, ns, props{"location": "eastus"}, props{"resourceGroupName": "rg"})
	if got["location"].V != "eastus" {
		t.Errorf("location = %v, want the one it has", got["location"])
	}
	s.where = "northeurope"
	got, _ = check(t, s, ns, nil, props{"resourceGroupName": "rg"})
	if got["location"].V != "northeurope" {
		t.Errorf("location = %v, want the configured one", got["location"])
	}
}

func TestCheckRefuses(t *testing.T) {
	s, _ := withGroup(t)
	for _, tt := range []struct {
		name, tok string
		in        props
		property  string
		reason    string
	}{
		{"no parent", "azure-native:servicebus:Queue", props{"resourceGroupName": "rg"}, "namespaceName", "missing required property"},
		{"empty parent", "azure-native:servicebus:Queue", props{"resourceGroupName": "rg", "namespaceName": ""}, "namespaceName", "not empty"},
		{"unknown input", "azure-native:servicebus:Queue", props{"resourceGroupName": "rg", "namespaceName": "ns", "lockDurations": "PT1M"}, "lockDurations", "has no input"},
		{"output as input", "azure-native:servicebus:Queue", props{"resourceGroupName": "rg", "namespaceName": "ns", "messageCount": 1}, "messageCount", "has no input"},
		{"nested typeProperties", "azure-native:datafactory:Pipeline", props{"resourceGroupName": "rg", "factoryName": "f",
			"activities": []any{props{"name": "W", "type": "Wait", "typeProperties": props{"waitTimeInSeconds": 1}}}}, "", "activities[0].typeProperties"},
		{"properties no object", "azure-native:datafactory:Trigger", props{"resourceGroupName": "rg", "factoryName": "f", "properties": "x"}, "", "not an object"},
	} {
		_, failures := check(t, s, tt.tok, nil, tt.in)
		found := false
		for _, f := range failures {
			found = found || f.Property == tt.property && strings.Contains(f.Reason, tt.reason)
		}
		if !found {
			t.Errorf("%s: failures = %v; want %q: %q", tt.name, failures, tt.property, tt.reason)
		}
	}
}

func TestCheckTakesWhatIsNotKnownYet(t *testing.T) {
	s, _ := withGroup(t)
	news := packMap(t, resource.PropertyMap{"resourceGroupName": unknown(), "namespaceName": unknown(), "lockDuration": unknown()})
	r, err := s.Check(t.Context(), &pulumirpc.CheckRequest{Type: "azure-native:servicebus:Queue", Name: "q", News: news, RandomSeed: []byte("s")})
	if err != nil || len(r.Failures) > 0 {
		t.Fatalf("%v, %v", r.GetFailures(), err)
	}
	if in := unpack(t, r.Inputs); !in["namespaceName"].IsComputed() || !in["queueName"].IsString() {
		t.Errorf("inputs = %v; want the parents unknown and a name", in)
	}
}

func TestCancelEndsCallsUntilTheNextEngine(t *testing.T) {
	s, _ := withGroup(t)
	if _, err := s.Cancel(t.Context(), &emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}
	read := func() error {
		_, err := s.Read(context.WithoutCancel(t.Context()), &pulumirpc.ReadRequest{Type: "azure-native:resources:ResourceGroup", Id: inGroup})
		return err
	}
	if err := read(); err == nil || !strings.Contains(err.Error(), "cancelled by the engine") {
		t.Errorf("after Cancel: %v", err)
	}
	if _, err := s.Attach(t.Context(), &pulumirpc.PluginAttach{Address: "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Errorf("after Attach: %v", err)
	}
}

// A call does not say which provider of a program it belongs to, so a second one with
// another configuration is refused instead of being mixed up with the first.
func TestSecondProviderOfAProgram(t *testing.T) {
	env := armtest.New(t).Env()
	s := New(Options{Getenv: func(k string) string { return env[k] }})
	attach := func(engine string) {
		t.Helper()
		if _, err := s.Attach(t.Context(), &pulumirpc.PluginAttach{Address: engine}); err != nil {
			t.Fatal(err)
		}
	}
	configure := func(location string) error {
		_, err := s.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: pack(t, props{"location": location})})
		return err
	}
	attach("127.0.0.1:1")
	if err := configure("westeurope"); err != nil {
		t.Fatal(err)
	}
	attach("127.0.0.1:1") // each provider of a program attaches
	if err := configure("westeurope"); err != nil {
		t.Errorf("a second provider with the same configuration: %v", err)
	}
	err := configure("eastus")
	if err == nil || !strings.Contains(err.Error(), `whose location differ, "westeurope" and "eastus"`) || s.location() != "westeurope" {
		t.Errorf("a second provider with another location: %v; the location is %s", err, s.location())
	}
	attach("127.0.0.1:2")
	if err := configure("eastus"); err != nil || s.location() != "eastus" {
		t.Errorf("another engine: %v; the location is %s", err, s.location())
	}
}
