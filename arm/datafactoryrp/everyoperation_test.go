package datafactoryrp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/datafactory/armdatafactory/v9"

	"switchyard/arm/armtest"
	"switchyard/pipeline/run"
)

// An operation is a call of Azure's client for Go and how it ends.
type operation struct {
	client, method string // of ClientFactory without New and Client; without Begin, New and Pager
	// args are those behind the resource group and the factory; those that are left out are
	// empty structs and no options.
	args []any
	want string // status, and code with a part of the message if it is an error
}

// everyOperation has all operations, in an order in which each finds what it is about. $RUN is a
// run that has ended, $LONG one that goes on.
func everyOperation() []operation {
	window := armdatafactory.RunFilterParameters{
		LastUpdatedAfter: to.Ptr(time.Now().Add(-time.Hour)), LastUpdatedBefore: to.Ptr(time.Now().Add(time.Hour))}
	short := armdatafactory.PipelineResource{Properties: &armdatafactory.Pipeline{
		Variables: map[string]*armdatafactory.VariableSpecification{"v": {Type: to.Ptr(armdatafactory.VariableTypeString)}},
		Activities: []armdatafactory.ActivityClassification{&armdatafactory.SetVariableActivity{Name: to.Ptr("S"), Type: to.Ptr("SetVariable"),
			TypeProperties: &armdatafactory.SetVariableActivityTypeProperties{VariableName: to.Ptr("v"), Value: "x"}}}}}
	long := armdatafactory.PipelineResource{Properties: &armdatafactory.Pipeline{
		Activities: []armdatafactory.ActivityClassification{&armdatafactory.WaitActivity{Name: to.Ptr("W"), Type: to.Ptr("Wait"),
			TypeProperties: &armdatafactory.WaitActivityTypeProperties{WaitTimeInSeconds: 3600}}}}}
	bus := armdatafactory.TriggerResource{Properties: &armdatafactory.Trigger{Type: to.Ptr("ServiceBusTrigger"),
		AdditionalProperties: map[string]any{"typeProperties": map[string]any{"queueName": "in",
			"linkedServiceName": map[string]any{"referenceName": "Bus", "type": "LinkedServiceReference"}},
			"pipelines": []any{map[string]any{"pipelineReference": map[string]any{"referenceName": "P", "type": "PipelineReference"}}}}}}
	blobEvents := armdatafactory.TriggerResource{Properties: &armdatafactory.BlobEventsTrigger{Type: to.Ptr("BlobEventsTrigger"),
		TypeProperties: &armdatafactory.BlobEventsTriggerTypeProperties{Scope: to.Ptr("/s"),
			Events: []*armdatafactory.BlobEventTypes{to.Ptr(armdatafactory.BlobEventTypesMicrosoftStorageBlobCreated)}}}}
	const (
		noDataFlows = "501 NotSupported data flows do not run"
		noRuntimes  = "501 NotSupported only integration runtime"
		noNetworks  = "501 NotSupported no managed virtual networks"
		noCapture   = "501 NotSupported change data capture does not run"
		noFeatures  = "501 NotSupported no features"
	)
	return []operation{
		{"Operations", "List", nil, "200"},
		{"Factories", "CreateOrUpdate", []any{armdatafactory.Factory{Location: to.Ptr("westeurope")}}, "200"},
		{"Factories", "Get", nil, "200"},
		{"Factories", "List", nil, "200"},
		{"Factories", "ListByResourceGroup", nil, "200"},
		{"Factories", "Update", []any{armdatafactory.FactoryUpdateParameters{Tags: map[string]*string{"a": to.Ptr("b")}}}, "200"},
		{"Factories", "ConfigureFactoryRepo", []any{"westeurope"}, "501 NotSupported no connection to Git"},
		{"Factories", "GetGitHubAccessToken", []any{armdatafactory.GitHubAccessTokenRequest{GitHubAccessCode: to.Ptr("c"),
			GitHubAccessTokenBaseURL: to.Ptr("u")}}, "501 NotSupported no connection to Git"},
		{"Factories", "GetDataPlaneAccess", nil, "501 NotSupported data plane is the Resource Manager"},
		{"ExposureControl", "GetFeatureValue", []any{"westeurope"}, noFeatures},
		{"ExposureControl", "GetFeatureValueByFactory", nil, noFeatures},
		{"ExposureControl", "QueryFeatureValuesByFactory", nil, noFeatures},

		{"GlobalParameters", "CreateOrUpdate", []any{"default", armdatafactory.GlobalParameterResource{
			Properties: map[string]*armdatafactory.GlobalParameterSpecification{
				"g": {Type: to.Ptr(armdatafactory.GlobalParameterTypeString), Value: "v"}}}}, "200"},
		{"GlobalParameters", "Get", []any{"default"}, "200"},
		{"GlobalParameters", "ListByFactory", nil, "200"},
		{"GlobalParameters", "Delete", []any{"default"}, "200"},
		{"GlobalParameters", "Delete", []any{"default"}, "204"},
		{"GlobalParameters", "Get", []any{"default"}, "404 GlobalParameterNotFound"},

		{"LinkedServices", "CreateOrUpdate", []any{"Bus", armdatafactory.LinkedServiceResource{Properties: &armdatafactory.LinkedService{
			Type: to.Ptr("AzureServiceBus"), AdditionalProperties: map[string]any{
				"typeProperties": map[string]any{"fullyQualifiedNamespace": "ns.servicebus.windows.net"}}}}}, "200"},
		{"LinkedServices", "Get", []any{"bus"}, "200"},
		{"LinkedServices", "ListByFactory", nil, "200"},
		{"Datasets", "CreateOrUpdate", []any{"D", armdatafactory.DatasetResource{Properties: &armdatafactory.JSONDataset{
			Type: to.Ptr("Json"), LinkedServiceName: &armdatafactory.LinkedServiceReference{ReferenceName: to.Ptr("Bus"),
				Type: to.Ptr(armdatafactory.LinkedServiceReferenceTypeLinkedServiceReference)}}}}, "200"},
		{"Datasets", "Get", []any{"d"}, "200"},
		{"Datasets", "ListByFactory", nil, "200"},
		{"LinkedServices", "Delete", []any{"Bus"}, "400 BadRequest referenced by D"},
		{"Datasets", "Delete", []any{"D"}, "200"},
		{"Datasets", "Delete", []any{"D"}, "204"},
		{"Datasets", "Get", []any{"D"}, "404 DatasetNotFound"},

		{"CredentialOperations", "CreateOrUpdate", []any{"C", armdatafactory.CredentialResource{
			Properties: &armdatafactory.ManagedIdentityCredential{Type: to.Ptr("ManagedIdentity")}}}, "200"},
		{"CredentialOperations", "Get", []any{"c"}, "200"},
		{"CredentialOperations", "ListByFactory", nil, "200"},
		{"CredentialOperations", "Delete", []any{"C"}, "200"},
		{"DataFlows", "CreateOrUpdate", []any{"F", armdatafactory.DataFlowResource{
			Properties: &armdatafactory.MappingDataFlow{Type: to.Ptr("MappingDataFlow")}}}, "200"},
		{"DataFlows", "Get", []any{"f", &armdatafactory.DataFlowsClientGetOptions{IfNoneMatch: to.Ptr("*")}}, "200"},
		{"DataFlows", "ListByFactory", nil, "200"},
		{"DataFlows", "Delete", []any{"F"}, "200"},
		{"DataFlowDebugSession", "Create", nil, noDataFlows},
		{"DataFlowDebugSession", "QueryByFactory", nil, noDataFlows},
		{"DataFlowDebugSession", "AddDataFlow", nil, noDataFlows},
		{"DataFlowDebugSession", "ExecuteCommand", nil, noDataFlows},
		{"DataFlowDebugSession", "Delete", nil, noDataFlows},

		{"IntegrationRuntimes", "CreateOrUpdate", []any{"own", armdatafactory.IntegrationRuntimeResource{
			Properties: &armdatafactory.SelfHostedIntegrationRuntime{Type: to.Ptr(armdatafactory.IntegrationRuntimeTypeSelfHosted)}}}, "200"},
		{"IntegrationRuntimes", "Get", []any{"own"}, "200"},
		{"IntegrationRuntimes", "Get", []any{"autoResolveIntegrationRuntime"}, "200"},
		{"IntegrationRuntimes", "Get", []any{"none"}, "404 IntegrationRuntimeNotFound"},
		{"IntegrationRuntimes", "ListByFactory", nil, "200"},
		{"IntegrationRuntimes", "GetStatus", []any{"AutoResolveIntegrationRuntime"}, "200"},
		{"IntegrationRuntimes", "GetStatus", []any{"own"}, "200"},
		{"IntegrationRuntimes", "GetStatus", []any{"none"}, "404 IntegrationRuntimeNotFound"},
		{"IntegrationRuntimes", "Update", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "Upgrade", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "Start", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "Stop", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "ListAuthKeys", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "RegenerateAuthKey", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "GetConnectionInfo", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "GetMonitoringData", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "SyncCredentials", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "RemoveLinks", []any{"own", armdatafactory.LinkedIntegrationRuntimeRequest{
			LinkedFactoryName: to.Ptr("other")}}, noRuntimes},
		{"IntegrationRuntimes", "CreateLinkedIntegrationRuntime", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "ListOutboundNetworkDependenciesEndpoints", []any{"own"}, noRuntimes},
		{"IntegrationRuntimeNodes", "Get", []any{"own", "n"}, noRuntimes},
		{"IntegrationRuntimeNodes", "Update", []any{"own", "n"}, noRuntimes},
		{"IntegrationRuntimeNodes", "GetIPAddress", []any{"own", "n"}, noRuntimes},
		{"IntegrationRuntimeNodes", "Delete", []any{"own", "n"}, noRuntimes},
		{"IntegrationRuntimeObjectMetadata", "Get", []any{"own"}, noRuntimes},
		{"IntegrationRuntimeObjectMetadata", "Refresh", []any{"own"}, noRuntimes},
		{"IntegrationRuntimes", "Delete", []any{"own"}, "200"},

		{"ManagedVirtualNetworks", "CreateOrUpdate", []any{"default", armdatafactory.ManagedVirtualNetworkResource{
			Properties: &armdatafactory.ManagedVirtualNetwork{}}}, "200"},
		{"ManagedVirtualNetworks", "Get", []any{"default", &armdatafactory.ManagedVirtualNetworksClientGetOptions{
			IfNoneMatch: to.Ptr("*")}}, "200"},
		{"ManagedVirtualNetworks", "ListByFactory", nil, "200"},
		{"ManagedPrivateEndpoints", "CreateOrUpdate", []any{"default", "e"}, noNetworks},
		{"ManagedPrivateEndpoints", "Get", []any{"default", "e"}, noNetworks},
		{"ManagedPrivateEndpoints", "ListByFactory", []any{"default"}, noNetworks},
		{"ManagedPrivateEndpoints", "Delete", []any{"default", "e"}, noNetworks},
		{"PrivateEndPointConnections", "ListByFactory", nil, noNetworks},
		{"PrivateEndpointConnection", "CreateOrUpdate", []any{"c"}, noNetworks},
		{"PrivateEndpointConnection", "Get", []any{"c"}, noNetworks},
		{"PrivateEndpointConnection", "Delete", []any{"c"}, noNetworks},
		{"PrivateLinkResources", "Get", nil, noNetworks},
		{"ChangeDataCapture", "CreateOrUpdate", []any{"c"}, noCapture},
		{"ChangeDataCapture", "Get", []any{"c"}, noCapture},
		{"ChangeDataCapture", "ListByFactory", nil, noCapture},
		{"ChangeDataCapture", "Start", []any{"c"}, noCapture},
		{"ChangeDataCapture", "Status", []any{"c"}, noCapture},
		{"ChangeDataCapture", "Stop", []any{"c"}, noCapture},
		{"ChangeDataCapture", "Delete", []any{"c"}, noCapture},

		{"Pipelines", "CreateOrUpdate", []any{"P", short}, "200"},
		{"Pipelines", "CreateOrUpdate", []any{"Long", long}, "200"},
		{"Pipelines", "Get", []any{"p"}, "200"},
		{"Pipelines", "Get", []any{"P", &armdatafactory.PipelinesClientGetOptions{IfNoneMatch: to.Ptr("*")}}, "304"},
		{"Pipelines", "ListByFactory", nil, "200"},
		{"Pipelines", "CreateRun", []any{"None"}, "404 PipelineNotFound"},
		{"Pipelines", "CreateRun", []any{"Long"}, "200"},
		{"Pipelines", "CreateRun", []any{"P"}, "200"},
		{"PipelineRuns", "Get", []any{"$RUN"}, "200"},
		{"PipelineRuns", "QueryByFactory", []any{window}, "200"},
		{"PipelineRuns", "Cancel", []any{"$LONG"}, "200"},
		{"PipelineRuns", "Cancel", []any{"$RUN"}, "400 BadRequest"},
		{"PipelineRuns", "Get", []any{"none"}, "404 NotFound"},
		{"ActivityRuns", "QueryByPipelineRun", []any{"$RUN", window}, "200"},
		{"ActivityRuns", "QueryByPipelineRun", []any{"none", window}, "404 NotFound"},
		{"Pipelines", "Delete", []any{"Long"}, "200"},

		{"Triggers", "CreateOrUpdate", []any{"T", bus}, "200"},
		{"Triggers", "CreateOrUpdate", []any{"Blobs", blobEvents}, "200"},
		{"Triggers", "Get", []any{"t"}, "200"},
		{"Triggers", "ListByFactory", nil, "200"},
		{"Triggers", "QueryByFactory", nil, "200"},
		{"Triggers", "Start", []any{"T"}, "200"},
		{"Triggers", "Delete", []any{"T"}, "400 TriggerEnabledCannotUpdate"},
		{"Triggers", "Stop", []any{"T"}, "200"},
		{"Triggers", "Start", []any{"Blobs"}, "400 NotSupported BlobEventsTrigger"},
		{"Triggers", "SubscribeToEvents", []any{"Blobs"}, "501 NotSupported BlobEventsTrigger"},
		{"Triggers", "SubscribeToEvents", []any{"T"}, "400 BadRequest does not subscribe"},
		{"Triggers", "GetEventSubscriptionStatus", []any{"Blobs"}, "200"},
		{"Triggers", "UnsubscribeFromEvents", []any{"Blobs"}, "200"},
		{"TriggerRuns", "QueryByFactory", []any{window}, "200"},
		{"TriggerRuns", "Rerun", []any{"T", "r"}, "400 BadRequest Invalid trigger type: ServiceBusTrigger"},
		{"TriggerRuns", "Cancel", []any{"T", "r"}, "400 BadRequest Invalid trigger type: ServiceBusTrigger"},
		{"Triggers", "Delete", []any{"T"}, "200"},
		{"LinkedServices", "Delete", []any{"Bus"}, "200"},
		{"Factories", "Delete", nil, "200"},
		{"Factories", "Delete", nil, "204"},
		{"Factories", "Get", nil, "404 ResourceNotFound"},
	}
}

// TestEveryOperation calls all operations of Azure's client. An operation that a later version of
// the client adds fails the test until somebody has decided what becomes of it.
func TestEveryOperation(t *testing.T) {
	f := open(t, armtest.NewStore())
	f.must(t, 201, "PUT", "$RG?api-version=2021-04-01", `{"location":"westeurope"}`)
	clients := clientMethods(clients(t, f.k))
	missing := map[string]bool{}
	for name := range clients {
		missing[name] = true
	}
	runs := map[string]string{}
	for _, o := range everyOperation() {
		name := o.client + "." + o.method
		delete(missing, name)
		method, ok := clients[name]
		if !ok {
			t.Errorf("the client has no %s", name)
			continue
		}
		got, result := call(t.Context(), method, o.args, runs)
		if !o.met(got) {
			t.Errorf("%s%.60v: got %s, want %s", name, o.args, got, o.want)
		}
		if created, ok := result.(armdatafactory.PipelinesClientCreateRunResponse); ok && created.RunID != nil {
			if o.args[0] == "Long" {
				runs["$LONG"] = *created.RunID
				continue
			}
			runs["$RUN"] = *created.RunID
			if status, err := f.engine.Wait(t.Context(), *created.RunID); err != nil || status != run.Succeeded {
				t.Fatalf("run: got %s, %v, want Succeeded", status, err)
			}
		}
	}
	for name := range missing {
		t.Errorf("%s is an operation of the client and in no row", name)
	}
}

// met says whether an answer is the one that is wanted.
func (o operation) met(got string) bool {
	words := strings.SplitN(o.want, " ", 3)
	return strings.HasPrefix(got, strings.Join(words[:min(2, len(words))], " ")) &&
		strings.Contains(got, words[len(words)-1])
}

// clientMethods are the operations of all clients by their names.
func clientMethods(factory *armdatafactory.ClientFactory) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	clients := reflect.ValueOf(factory)
	for i := range clients.NumMethod() {
		client := clients.Method(i).Call(nil)[0]
		name := strings.TrimSuffix(strings.TrimPrefix(clients.Type().Method(i).Name, "New"), "Client")
		for j := range client.NumMethod() {
			method := strings.TrimPrefix(client.Type().Method(j).Name, "Begin")
			if pager, ok := strings.CutSuffix(method, "Pager"); ok {
				method = strings.TrimPrefix(pager, "New")
			}
			all[name+"."+method] = client.Method(j)
		}
	}
	return all
}

// call performs an operation, of a pager its first page, and returns the status with code and text
// of the error, if it is one. Arguments of the texts in named are replaced.
func call(ctx context.Context, method reflect.Value, args []any, named map[string]string) (answer string, result any) {
	var resp *http.Response
	ctx = policy.WithCaptureResponse(ctx, &resp)
	texts := []string{"rg", "contoso"}[:count(method.Type(), args)]
	in := make([]reflect.Value, method.Type().NumIn())
	for i := range in {
		switch typ := method.Type().In(i); {
		case typ == reflect.TypeFor[context.Context]():
			in[i] = reflect.ValueOf(ctx)
		case typ.Kind() == reflect.String && len(texts) > 0:
			in[i], texts = reflect.ValueOf(texts[0]), texts[1:]
		case len(args) > 0 && reflect.TypeOf(args[0]) == typ:
			in[i] = reflect.ValueOf(args[0])
			if s, ok := args[0].(string); ok && named[s] != "" {
				in[i] = reflect.ValueOf(named[s])
			}
			args = args[1:]
		default:
			in[i] = reflect.Zero(typ)
		}
	}
	out := method.Call(in)
	if page := out[0].MethodByName("NextPage"); page.IsValid() {
		out = page.Call([]reflect.Value{reflect.ValueOf(ctx)})
	}
	err, _ := out[1].Interface().(error)
	var e *azcore.ResponseError
	switch {
	case len(args) > 0:
		return fmt.Sprintf("the arguments %v are none of the operation", args), nil
	case errors.As(err, &e):
		body, _ := runtime.Payload(e.RawResponse) // the error has read it
		return fmt.Sprintf("%d %s %s", e.StatusCode, e.ErrorCode, body), nil
	case err != nil:
		return err.Error(), nil
	}
	return fmt.Sprint(resp.StatusCode), out[0].Interface()
}

// count tells how many texts an operation takes that are not in its row: the resource group and
// the factory, the group only, or none.
func count(method reflect.Type, args []any) (n int) {
	for i := range method.NumIn() {
		if method.In(i).Kind() == reflect.String {
			n++
		}
	}
	for _, a := range args {
		if _, ok := a.(string); ok {
			n--
		}
	}
	return n
}
