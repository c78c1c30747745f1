package provider

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"switchyard/infra/pulumi/provider/armtest"
)

// TestBodies shows, for one resource of each form, the request that its inputs
// become and the outputs that the answer becomes.
func TestBodies(t *testing.T) {
	s, arm := withGroup(t)
	create(t, s, "azure-native:servicebus:Namespace", props{"resourceGroupName": "rg", "namespaceName": "bus", "location": "westeurope"})
	create(t, s, "azure-native:servicebus:Topic", props{"resourceGroupName": "rg", "namespaceName": "bus", "topicName": "t"})
	create(t, s, "azure-native:servicebus:Subscription", props{"resourceGroupName": "rg", "namespaceName": "bus", "topicName": "t", "subscriptionName": "s"})
	create(t, s, "azure-native:datafactory:Factory", props{"resourceGroupName": "rg", "factoryName": "df", "location": "westeurope"})
	const bus, df = inGroup + "/providers/Microsoft.ServiceBus/namespaces/bus", inGroup + "/providers/Microsoft.DataFactory/factories/df"
	for _, tt := range []struct {
		tok     string
		in      props
		id      string
		version string
		body    string
		outputs props // some
	}{
		{"resources:ResourceGroup", props{"resourceGroupName": "other", "location": "West Europe", "tags": props{"a": "b"}},
			"/subscriptions/" + armtest.Subscription + "/resourceGroups/other", "2024-03-01",
			`{"location":"West Europe","tags":{"a":"b"}}`, props{"name": "other", "type": "Microsoft.Resources/resourceGroups"}},
		{"servicebus:Namespace", props{"resourceGroupName": "rg", "namespaceName": "two", "location": "westeurope", "sku": props{"name": "Standard"}, "publicNetworkAccess": "Enabled"},
			inGroup + "/providers/Microsoft.ServiceBus/namespaces/two", "2026-01-01",
			`{"location":"westeurope","properties":{"publicNetworkAccess":"Enabled"},"sku":{"name":"Standard"}}`,
			props{"name": "two", "status": "Active", "serviceBusEndpoint": "https://two.servicebus.windows.net:443/", "azureApiVersion": "2026-01-01"}},
		{"servicebus/v20211101:Queue", props{"resourceGroupName": "rg", "namespaceName": "bus", "queueName": "q", "lockDuration": "PT2M"},
			bus + "/queues/q", "2021-11-01", `{"properties":{"lockDuration":"PT2M"}}`,
			props{"name": "q", "lockDuration": "PT2M", "maxDeliveryCount": 10.0, "azureApiVersion": "2021-11-01"}},
		{"servicebus:Queue", props{"resourceGroupName": "rg", "namespaceName": "bus", "queueName": "a/b"}, bus + "/queues/a~b", "2026-01-01", `{"properties":{}}`, nil},
		{"servicebus:Rule", props{"resourceGroupName": "rg", "namespaceName": "bus", "topicName": "t", "subscriptionName": "s", "ruleName": "r", "filterType": "SqlFilter", "sqlFilter": props{"sqlExpression": "a=1"}},
			bus + "/topics/t/subscriptions/s/rules/r", "2026-01-01", `{"properties":{"filterType":"SqlFilter","sqlFilter":{"sqlExpression":"a=1"}}}`, props{"filterType": "SqlFilter"}},
		{"servicebus:DefaultRule", props{"resourceGroupName": "rg", "namespaceName": "bus", "topicName": "t", "subscriptionName": "s", "filterType": "SqlFilter", "sqlFilter": props{"sqlExpression": "1=0"}},
			bus + "/topics/t/subscriptions/s/rules/$Default", "2026-01-01", `{"properties":{"filterType":"SqlFilter","sqlFilter":{"sqlExpression":"1=0"}}}`, props{"name": "$Default"}},
		{"servicebus:NamespaceAuthorizationRule", props{"resourceGroupName": "rg", "namespaceName": "bus", "authorizationRuleName": "app", "rights": []any{"Send"}},
			bus + "/AuthorizationRules/app", "2026-01-01", `{"properties":{"rights":["Send"]}}`, props{"name": "app"}},
		{"datafactory:Factory", props{"resourceGroupName": "rg", "factoryName": "two", "location": "westeurope", "identity": props{"type": "SystemAssigned"}, "globalParameters": props{"p": props{"type": "String", "value": "v"}}},
			inGroup + "/providers/Microsoft.DataFactory/factories/two", "2018-06-01",
			`{"identity":{"type":"SystemAssigned"},"location":"westeurope","properties":{"globalParameters":{"p":{"type":"String","value":"v"}}}}`,
			props{"identity": props{"type": "SystemAssigned", "principalId": "99999999-0000-0000-0000-000000000001", "tenantId": armtest.Tenant}}},
		{"datafactory:LinkedService", props{"resourceGroupName": "rg", "factoryName": "df", "linkedServiceName": "Http", "properties": props{"type": "HttpServer", "url": "https://x", "authenticationType": "Anonymous", "annotations": []any{}}},
			df + "/linkedservices/Http", "2018-06-01",
			`{"properties":{"annotations":[],"type":"HttpServer","typeProperties":{"authenticationType":"Anonymous","url":"https://x"}}}`,
			props{"properties": props{"type": "HttpServer", "url": "https://x", "authenticationType": "Anonymous", "annotations": []any{}}}},
		{"datafactory:LinkedService", props{"resourceGroupName": "rg", "factoryName": "df", "linkedServiceName": "Bus", "properties": props{"type": "AzureServiceBus", "typeProperties": props{"fullyQualifiedNamespace": "x"}}},
			df + "/linkedservices/Bus", "2018-06-01", `{"properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"x"}}}`,
			props{"properties": props{"type": "AzureServiceBus", "typeProperties": props{"fullyQualifiedNamespace": "x"}}}},
		{"datafactory:Dataset", props{"resourceGroupName": "rg", "factoryName": "df", "datasetName": "D", "properties": props{"type": "Json", "linkedServiceName": props{"referenceName": "Http", "type": "LinkedServiceReference"}, "location": props{"type": "HttpServerLocation"}}},
			df + "/datasets/D", "2018-06-01",
			`{"properties":{"linkedServiceName":{"referenceName":"Http","type":"LinkedServiceReference"},"type":"Json","typeProperties":{"location":{"type":"HttpServerLocation"}}}}`, nil},
		{"datafactory:Trigger", props{"resourceGroupName": "rg", "factoryName": "df", "triggerName": "T", "properties": props{"type": "ScheduleTrigger", "recurrence": props{"frequency": "Minute", "interval": 1}, "pipelines": []any{}}},
			df + "/triggers/T", "2018-06-01",
			`{"properties":{"pipelines":[],"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Minute","interval":1}}}}`, nil},
		{"datafactory:GlobalParameter", props{"resourceGroupName": "rg", "factoryName": "df", "globalParameterName": "default", "properties": props{"p": props{"type": "Int", "value": 1}}},
			df + "/globalParameters/default", "2018-06-01", `{"properties":{"p":{"type":"Int","value":1}}}`, nil},
		{"authorization:RoleAssignment", props{"scope": bus + "/queues/q", "roleAssignmentName": "77777777-0000-4000-8000-000000000000", "principalId": "p", "principalType": "ServicePrincipal", "roleDefinitionId": "r"},
			bus + "/queues/q/providers/Microsoft.Authorization/roleAssignments/77777777-0000-4000-8000-000000000000", "2022-04-01",
			`{"properties":{"principalId":"p","principalType":"ServicePrincipal","roleDefinitionId":"r"}}`, props{"principalId": "p"}},
	} {
		t.Run(tt.tok, func(t *testing.T) {
			arm.Requests()
			id, out := create(t, s, "azure-native:"+tt.tok, tt.in)
			if id != tt.id {
				t.Errorf("id = %s\nwant %s", id, tt.id)
			}
			var put armtest.Request
			for _, r := range arm.Requests() {
				if r.Method == "PUT" {
					put = r
				}
			}
			if got := asJSON(t, put.Body); got != tt.body {
				t.Errorf("body = %s\nwant   %s", got, tt.body)
			}
			if put.APIVersion != tt.version {
				t.Errorf("api-version = %s, want %s", put.APIVersion, tt.version)
			}
			for name, want := range tt.outputs {
				if got := open(out[resource.PropertyKey(name)]).Mappable(); !reflect.DeepEqual(got, want) {
					t.Errorf("output %s = %v, want %v", name, got, want)
				}
			}
		})
	}
}

func TestCreateRefusesWhatExists(t *testing.T) {
	s, _ := withGroup(t)
	_, err := s.Create(t.Context(), &pulumirpc.CreateRequest{Type: "azure-native:resources:ResourceGroup", Properties: pack(t, props{"resourceGroupName": "RG", "location": "westeurope"})})
	if status.Code(err) != codes.AlreadyExists || !strings.Contains(err.Error(), "already existing") {
		t.Errorf("error = %v", err)
	}
}

func TestCreateWaitsUntilProvisioned(t *testing.T) {
	s, arm := withGroup(t)
	arm.Slow = 1
	_, out := create(t, s, "azure-native:servicebus:Namespace", props{"resourceGroupName": "rg", "namespaceName": "slow", "location": "l"})
	if out["provisioningState"].V != "Succeeded" {
		t.Errorf("provisioningState = %v", out["provisioningState"])
	}
}

func TestErrorsCarryTheServicesCode(t *testing.T) {
	s, arm := withGroup(t)
	arm.Fail("PUT", inGroup+"/providers/Microsoft.ServiceBus/namespaces/n", 400)
	_, err := s.Create(t.Context(), &pulumirpc.CreateRequest{Type: "azure-native:servicebus:Namespace", Properties: pack(t, props{"resourceGroupName": "rg", "namespaceName": "n", "location": "l"})})
	if err == nil || !strings.Contains(err.Error(), "400 BadRequest: made to fail") {
		t.Errorf("error = %v", err)
	}
	_, err = s.Create(t.Context(), &pulumirpc.CreateRequest{Type: "azure-native:servicebus:Queue", Properties: pack(t, props{"resourceGroupName": "rg", "namespaceName": "none", "queueName": "q"})})
	if err == nil || !strings.Contains(err.Error(), "ParentResourceNotFound") {
		t.Errorf("child without parent: %v", err)
	}
}

func TestLoginFailureIsSaid(t *testing.T) {
	s, arm := configured(t)
	arm.FailLogin()
	_, err := s.Read(t.Context(), &pulumirpc.ReadRequest{Type: "azure-native:resources:ResourceGroup", Id: inGroup})
	if err == nil || !strings.Contains(err.Error(), "AADSTS7000215") || strings.Contains(err.Error(), armtest.ClientSecret) {
		t.Errorf("error = %v", err)
	}
}

func TestPreviewSendsNothing(t *testing.T) {
	s, arm := withGroup(t)
	r, err := s.Create(t.Context(), &pulumirpc.CreateRequest{Type: "azure-native:datafactory:Factory", Preview: true,
		Properties: packMap(t, resource.PropertyMap{"resourceGroupName": unknown(), "factoryName": resource.NewProperty("f"), "location": unknown(),
			"identity": resource.NewProperty(resource.PropertyMap{"type": resource.NewProperty("SystemAssigned")})})})
	if err != nil {
		t.Fatal(err)
	}
	if got := arm.Requests(); len(got) > 0 {
		t.Errorf("a preview asked %v", got)
	}
	out := unpack(t, r.Properties)
	if out["name"].V != "f" || !out["provisioningState"].IsComputed() || !out["identity"].ObjectValue()["principalId"].IsComputed() {
		t.Errorf("outputs = %v; want the name, and what the service says unknown", out)
	}
	r2, err := s.Update(t.Context(), &pulumirpc.UpdateRequest{Type: "azure-native:datafactory:Factory", Preview: true, Id: "x",
		Olds: pack(t, props{"name": "f", "version": "2018-06-01", "identity": props{"type": "SystemAssigned", "principalId": "p"}}),
		News: pack(t, props{"factoryName": "f", "identity": props{"type": "SystemAssigned"}, "tags": props{"a": "b"}})})
	if err != nil {
		t.Fatal(err)
	}
	out = unpack(t, r2.Properties)
	if out["version"].V != "2018-06-01" || out["identity"].ObjectValue()["principalId"].V != "p" || !out["tags"].IsObject() {
		t.Errorf("preview of an update = %v; want what it had and the new tags", out)
	}
}

func TestDeleteWaitsAndForgivesAbsence(t *testing.T) {
	s, arm := withGroup(t)
	create(t, s, "azure-native:servicebus:Namespace", props{"resourceGroupName": "rg", "namespaceName": "bus", "location": "l"})
	set, _ := create(t, s, "azure-native:servicebus:NamespaceNetworkRuleSet", props{"resourceGroupName": "rg", "namespaceName": "bus", "defaultAction": "Deny"})
	arm.Requests()
	if _, err := s.Delete(t.Context(), &pulumirpc.DeleteRequest{Type: "azure-native:servicebus:NamespaceNetworkRuleSet", Id: set}); err != nil {
		t.Fatal(err)
	}
	if got := arm.Requests(); got[0].Method != "PUT" || !strings.Contains(asJSON(t, got[0].Body), `"defaultAction":"Allow"`) {
		t.Errorf("deleting a rule set asked %v; want it restored", got)
	}
	for range 2 {
		if _, err := s.Delete(t.Context(), &pulumirpc.DeleteRequest{Type: "azure-native:resources:ResourceGroup", Id: inGroup}); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	polls := 0
	for _, r := range arm.Requests() {
		if strings.Contains(r.Path, "operationresults") {
			polls++
		}
	}
	if polls != 2 {
		t.Errorf("polled %d times, want until the operation ended", polls)
	}
	if left := arm.IDs(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestReadRefreshesAndImports(t *testing.T) {
	s, arm := withGroup(t)
	tok := "azure-native:servicebus:Queue"
	create(t, s, "azure-native:servicebus:Namespace", props{"resourceGroupName": "rg", "namespaceName": "bus", "location": "l"})
	in := props{"resourceGroupName": "rg", "namespaceName": "bus", "queueName": "q", "deadLetteringOnMessageExpiration": true}
	id, state := create(t, s, tok, in)

	same, err := s.Read(t.Context(), &pulumirpc.ReadRequest{Type: tok, Id: id, Properties: packMap(t, state), Inputs: pack(t, in)})
	if err != nil {
		t.Fatal(err)
	}
	if got := unpack(t, same.Inputs).Mappable(); !reflect.DeepEqual(got, in) {
		t.Errorf("inputs of an unchanged queue = %v, want %v", got, in)
	}

	arm.Change(id, func(r map[string]any) {
		p := r["properties"].(map[string]any)
		p["maxDeliveryCount"], p["deadLetteringOnMessageExpiration"], p["messageCount"] = 3, false, 7
	})
	changed, err := s.Read(t.Context(), &pulumirpc.ReadRequest{Type: tok, Id: id, Properties: packMap(t, state), Inputs: pack(t, in)})
	if err != nil {
		t.Fatal(err)
	}
	want := props{"resourceGroupName": "rg", "namespaceName": "bus", "queueName": "q", "deadLetteringOnMessageExpiration": false, "maxDeliveryCount": 3.0}
	if got := unpack(t, changed.Inputs).Mappable(); !reflect.DeepEqual(got, want) {
		t.Errorf("inputs after drift = %v, want %v", got, want)
	}

	imported, err := s.Read(t.Context(), &pulumirpc.ReadRequest{Type: tok, Id: strings.Replace(id, "resourceGroups", "resourcegroups", 1)})
	if err != nil {
		t.Fatal(err)
	}
	if imported.Id != id {
		t.Errorf("imported ID = %s, want the canonical %s", imported.Id, id)
	}
	want = props{"resourceGroupName": "rg", "namespaceName": "bus", "queueName": "q", "maxDeliveryCount": 3.0}
	if got := unpack(t, imported.Inputs).Mappable(); !reflect.DeepEqual(got, want) {
		t.Errorf("imported inputs = %v, want %v: what is not the default", got, want)
	}

	gone, err := s.Read(t.Context(), &pulumirpc.ReadRequest{Type: tok, Id: id + "x"})
	if err != nil || gone.Id != "" {
		t.Errorf("reading nothing = %v, %v; want an empty ID", gone, err)
	}
	if _, err := s.Read(t.Context(), &pulumirpc.ReadRequest{Type: tok, Id: "/nonsense"}); err == nil || !strings.Contains(err.Error(), "/nonsense") {
		t.Errorf("reading nonsense = %v", err)
	}
}

func TestReadLeavesTheServicesMembersAlone(t *testing.T) {
	s, arm := withGroup(t)
	create(t, s, "azure-native:datafactory:Factory", props{"resourceGroupName": "rg", "factoryName": "df", "location": "l"})
	tok := "azure-native:datafactory:Trigger"
	in := props{"resourceGroupName": "rg", "factoryName": "df", "triggerName": "T", "properties": props{"type": "ScheduleTrigger", "recurrence": props{"interval": 1.0}}}
	id, state := create(t, s, tok, in)
	arm.Change(id, func(r map[string]any) { r["properties"].(map[string]any)["runtimeState"] = "Started" })
	read, err := s.Read(t.Context(), &pulumirpc.ReadRequest{Type: tok, Id: id, Properties: packMap(t, state), Inputs: pack(t, in)})
	if err != nil {
		t.Fatal(err)
	}
	if got := unpack(t, read.Inputs).Mappable(); !reflect.DeepEqual(got, in) {
		t.Errorf("inputs = %v, want %v: a trigger that was started has not changed", got, in)
	}
	if got := unpack(t, read.Properties)["properties"].ObjectValue()["runtimeState"]; got.V != "Started" {
		t.Errorf("runtimeState in the state = %v", got)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	s, arm := withGroup(t)
	create(t, s, "azure-native:datafactory:Factory", props{"resourceGroupName": "rg", "factoryName": "df", "location": "l"})
	in := resource.PropertyMap{"resourceGroupName": resource.NewProperty("rg"), "factoryName": resource.NewProperty("df"), "linkedServiceName": resource.NewProperty("L"),
		"properties": resource.NewProperty(resource.PropertyMap{"type": resource.NewProperty("HttpServer"),
			"userName": resource.MakeSecret(resource.NewProperty("me")),
			"password": resource.NewProperty(resource.PropertyMap{"type": resource.NewProperty("SecureString"), "value": resource.NewProperty("pw")})})}
	r, err := s.Create(t.Context(), &pulumirpc.CreateRequest{Type: "azure-native:datafactory:LinkedService", Properties: packMap(t, in)})
	if err != nil {
		t.Fatal(err)
	}
	p := unpack(t, r.Properties)["properties"].ObjectValue()
	if !p["userName"].IsSecret() {
		t.Errorf("userName = %v; want secret because the input is", p["userName"])
	}
	if !p["password"].ObjectValue()["value"].IsSecret() {
		t.Errorf("password = %v; want secret because it is a SecureString", p["password"])
	}
	var body string
	for _, q := range arm.Requests() {
		if q.Method == "PUT" {
			body = asJSON(t, q.Body)
		}
	}
	if !strings.Contains(body, `"userName":"me"`) || !strings.Contains(body, `"value":"pw"`) {
		t.Errorf("the service got %s", body)
	}
}

func TestInvoke(t *testing.T) {
	s, arm := withGroup(t)
	create(t, s, "azure-native:servicebus:Namespace", props{"resourceGroupName": "rg", "namespaceName": "bus", "location": "westeurope"})
	arm.Requests()
	call := func(tok string, args props) (resource.PropertyMap, []*pulumirpc.CheckFailure) {
		t.Helper()
		r, err := s.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "azure-native:" + tok, Args: pack(t, args)})
		if err != nil {
			t.Fatalf("%s: %v", tok, err)
		}
		return unpack(t, r.Return), r.Failures
	}
	keys, _ := call("servicebus/v20240101:listNamespaceKeys", props{"resourceGroupName": "rg", "namespaceName": "bus", "authorizationRuleName": "Root"})
	if got := arm.Requests()[0]; got.Path != inGroup+"/providers/Microsoft.ServiceBus/namespaces/bus/AuthorizationRules/Root/listKeys" || got.APIVersion != "2024-01-01" {
		t.Errorf("asked %v", got)
	}
	if !keys["primaryConnectionString"].IsSecret() || !keys["secondaryKey"].IsSecret() || keys["keyName"].IsSecret() {
		t.Errorf("keys = %v; want the keys secret and the name not", keys)
	}
	call("servicebus:listQueueKeys", props{"resourceGroupName": "rg", "namespaceName": "bus", "queueName": "q", "authorizationRuleName": "r"})
	if got := arm.Requests()[0].Path; !strings.HasSuffix(got, "/bus/queues/q/authorizationRules/r/listKeys") {
		t.Errorf("asked %s", got)
	}
	call("servicebus:listTopicKeys", props{"resourceGroupName": "rg", "namespaceName": "bus", "topicName": "q", "authorizationRuleName": "r"})
	if got := arm.Requests()[0].Path; !strings.HasSuffix(got, "/bus/topics/q/authorizationRules/r/listKeys") {
		t.Errorf("asked %s", got)
	}
	if _, failures := call("servicebus:listQueueKeys", props{"resourceGroupName": "rg"}); len(failures) != 1 || failures[0].Property != "namespaceName" {
		t.Errorf("failures = %v", failures)
	}
	ns, _ := call("servicebus:getNamespace", props{"resourceGroupName": "rg", "namespaceName": "bus"})
	if ns["id"].V != inGroup+"/providers/Microsoft.ServiceBus/namespaces/bus" || ns["status"].V != "Active" || ns["location"].V != "westeurope" {
		t.Errorf("getNamespace = %v", ns)
	}
	config, _ := call("authorization:getClientConfig", nil)
	if config["subscriptionId"].V != armtest.Subscription || config["tenantId"].V != armtest.Tenant {
		t.Errorf("getClientConfig = %v", config)
	}
	token, _ := call("authorization:getClientToken", nil)
	if !token["token"].IsSecret() {
		t.Errorf("getClientToken = %v; want a secret", token)
	}
}
