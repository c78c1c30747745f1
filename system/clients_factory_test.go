package system

import (
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/datafactory/armdatafactory/v9"
)

func (c *azureClient) createFactory(f *armdatafactory.ClientFactory) {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	factory, err := f.NewFactoriesClient().CreateOrUpdate(ctx, "rg", "client-factory", armdatafactory.Factory{Location: to.Ptr("westeurope"),
		Identity: &armdatafactory.FactoryIdentity{Type: to.Ptr(armdatafactory.FactoryIdentityTypeSystemAssigned)}}, nil)
	c.must(err)
	if len(*factory.Identity.PrincipalID) != 36 || *factory.Properties.ProvisioningState != "Succeeded" {
		t.Errorf("factory: principal %s, %s", *factory.Identity.PrincipalID, *factory.Properties.ProvisioningState)
	}
	_, err = f.NewLinkedServicesClient().CreateOrUpdate(ctx, "rg", "client-factory", "Bus", armdatafactory.LinkedServiceResource{Properties: &armdatafactory.LinkedService{
		Type: to.Ptr("AzureServiceBus"), AdditionalProperties: map[string]any{"typeProperties": map[string]any{"fullyQualifiedNamespace": "client-bus.servicebus.windows.net"}}}}, nil)
	c.must(err)
	_, err = f.NewPipelinesClient().CreateOrUpdate(ctx, "rg", "client-factory", "Each", armdatafactory.PipelineResource{Properties: &armdatafactory.Pipeline{
		Parameters: map[string]*armdatafactory.ParameterSpecification{"items": {Type: to.Ptr(armdatafactory.ParameterTypeArray)}},
		Variables:  map[string]*armdatafactory.VariableSpecification{"all": {Type: to.Ptr(armdatafactory.VariableTypeArray)}},
		Activities: []armdatafactory.ActivityClassification{&armdatafactory.ForEachActivity{
			Name: to.Ptr("Each"), Type: to.Ptr("ForEach"),
			TypeProperties: &armdatafactory.ForEachActivityTypeProperties{
				IsSequential: to.Ptr(true),
				Items:        &armdatafactory.Expression{Type: to.Ptr(armdatafactory.ExpressionTypeExpression), Value: to.Ptr("@pipeline().parameters.items")},
				Activities: []armdatafactory.ActivityClassification{&armdatafactory.AppendVariableActivity{
					Name: to.Ptr("Add"), Type: to.Ptr("AppendVariable"),
					TypeProperties: &armdatafactory.AppendVariableActivityTypeProperties{VariableName: to.Ptr("all"), Value: "@item()"},
				}},
			}}},
	}}, nil)
	c.must(err)
	_, err = f.NewTriggersClient().CreateOrUpdate(ctx, "rg", "client-factory", "OnOrder", armdatafactory.TriggerResource{Properties: &armdatafactory.Trigger{
		Type: to.Ptr("ServiceBusTrigger"), AdditionalProperties: map[string]any{
			"typeProperties": map[string]any{"queueName": "orders", "linkedServiceName": map[string]any{"referenceName": "Bus", "type": "LinkedServiceReference"}},
			"pipelines": []any{map[string]any{"pipelineReference": map[string]any{"referenceName": "Each", "type": "PipelineReference"},
				"parameters": map[string]any{"items": "@triggerBody().messages"}}},
		}}}, nil)
	c.must(err)
}

// runPipeline runs a pipeline by hand and waits for it as a client does, then
// starts and stops the trigger.
func (c *azureClient) runPipeline(f *armdatafactory.ClientFactory) {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	created, err := f.NewPipelinesClient().CreateRun(ctx, "rg", "client-factory", "Each", &armdatafactory.PipelinesClientCreateRunOptions{Parameters: map[string]any{"items": []string{"a", "b"}}})
	c.must(err)
	status := eventually(t, func() string {
		r, err := f.NewPipelineRunsClient().Get(ctx, "rg", "client-factory", *created.RunID, nil)
		c.must(err)
		if *r.Status == "Queued" || *r.Status == "InProgress" {
			return ""
		}
		return *r.Status
	})
	if status != "Succeeded" {
		t.Errorf("run: %s, want Succeeded", status)
	}
	window := armdatafactory.RunFilterParameters{LastUpdatedAfter: to.Ptr(time.Now().Add(-time.Hour)), LastUpdatedBefore: to.Ptr(time.Now().Add(time.Hour))}
	activities, err := f.NewActivityRunsClient().QueryByPipelineRun(ctx, "rg", "client-factory", *created.RunID, window, nil)
	c.must(err)
	got := activityNames(activities.Value)
	if want := []string{"Add", "Add", "Each"}; !slices.Equal(got, want) {
		t.Errorf("activity runs: got %q, want %q", got, want)
	}
	triggers := f.NewTriggersClient()
	state := func() armdatafactory.TriggerRuntimeState {
		tr, err := triggers.Get(ctx, "rg", "client-factory", "OnOrder", nil)
		c.must(err)
		return *tr.Properties.GetTrigger().RuntimeState
	}
	start, err := triggers.BeginStart(ctx, "rg", "client-factory", "OnOrder", nil)
	done(c, start, err)
	if got := state(); got != armdatafactory.TriggerRuntimeStateStarted {
		t.Errorf("trigger after its start: %s", got)
	}
	stop, err := triggers.BeginStop(ctx, "rg", "client-factory", "OnOrder", nil)
	done(c, stop, err)
	if got := state(); got != armdatafactory.TriggerRuntimeStateStopped {
		t.Errorf("trigger after its stop: %s", got)
	}
	list := names(c, f.NewPipelinesClient().NewListByFactoryPager("rg", "client-factory", nil), func(p armdatafactory.PipelinesClientListByFactoryResponse) []*string {
		return each(p.Value, func(r *armdatafactory.PipelineResource) *string { return r.Name })
	})
	c.wantNames("pipelines", list, "Each")
}

func activityNames(runs []*armdatafactory.ActivityRun) []string {
	var out []string
	for _, r := range runs {
		out = append(out, *r.ActivityName)
	}
	slices.Sort(out)
	return out
}

func (c *azureClient) deleteFactory(f *armdatafactory.ClientFactory) {
	ctx := c.t.Context()
	c.t.Helper()
	_, err := f.NewTriggersClient().Delete(ctx, "rg", "client-factory", "OnOrder", nil)
	c.must(err)
	_, err = f.NewPipelinesClient().Delete(ctx, "rg", "client-factory", "Each", nil)
	c.must(err)
	for range 2 {
		_, err = f.NewFactoriesClient().Delete(ctx, "rg", "client-factory", nil)
		c.must(err)
		_, err = f.NewFactoriesClient().Get(ctx, "rg", "client-factory", nil)
		c.wantCode("deleted factory", err, 404, "ResourceNotFound")
	}
}
