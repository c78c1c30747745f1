package servicebusrp_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	armclient "github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/servicebus/armservicebus"
)

type staticToken struct{}

func (staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// clientOptions let a client of the Go SDK talk to a server [ARM 14.2].
func clientOptions(s *httptest.Server) *armclient.ClientOptions {
	return &armclient.ClientOptions{ClientOptions: policy.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: s.URL, Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: s.URL, Audience: s.URL},
		}},
		Transport: s.Client(),
	}}
}

// wantCode checks that a client of the SDK reads an error's code.
func wantCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	var response *azcore.ResponseError
	if !errors.As(err, &response) || response.StatusCode != status || response.ErrorCode != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

// TestGoSDK makes, reads, changes, lists and deletes with Microsoft's clients.
func TestGoSDK(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	server := httptest.NewTLSServer(f.k)
	defer server.Close()
	ctx, options := t.Context(), clientOptions(server)
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}

	groups, err := armresources.NewResourceGroupsClient(subID, staticToken{}, options)
	check("groups client", err)
	group, err := groups.CreateOrUpdate(ctx, "rg1", armresources.ResourceGroup{Location: to.Ptr("West Europe"), Tags: map[string]*string{"env": to.Ptr("dev")}}, nil)
	check("create group", err)
	if *group.Location != "westeurope" || *group.Properties.ProvisioningState != "Succeeded" || *group.Tags["env"] != "dev" {
		t.Errorf("group: %s in %s, %s", *group.ID, *group.Location, *group.Properties.ProvisioningState)
	}
	exists, err := groups.CheckExistence(ctx, "rg1", nil)
	check("group exists", err)
	none, err := groups.CheckExistence(ctx, "none", nil)
	check("group exists", err)
	if !exists.Success || none.Success {
		t.Errorf("existence of rg1 and none: %t, %t", exists.Success, none.Success)
	}
	providers, err := armresources.NewProvidersClient(subID, staticToken{}, options)
	check("providers client", err)
	provider, err := providers.Get(ctx, "microsoft.servicebus", nil)
	check("get provider", err)
	if *provider.Namespace != "Microsoft.ServiceBus" || len(provider.ResourceTypes) == 0 {
		t.Errorf("provider %s with %d types", *provider.Namespace, len(provider.ResourceTypes))
	}

	namespaces, err := armservicebus.NewNamespacesClient(subID, staticToken{}, options)
	check("namespaces client", err)
	available, err := namespaces.CheckNameAvailability(ctx, armservicebus.CheckNameAvailability{Name: to.Ptr("contoso")}, nil)
	check("check name", err)
	if !*available.NameAvailable {
		t.Errorf("contoso is not available: %s", *available.Reason)
	}
	creation, err := namespaces.BeginCreateOrUpdate(ctx, "rg1", "contoso", armservicebus.SBNamespace{Location: to.Ptr("westeurope"),
		SKU: &armservicebus.SBSKU{Name: to.Ptr(armservicebus.SKUNameStandard)}, Identity: &armservicebus.Identity{Type: to.Ptr(armservicebus.ManagedServiceIdentityTypeSystemAssigned)}}, nil)
	check("create namespace", err)
	ns, err := creation.PollUntilDone(ctx, nil)
	check("create namespace", err)
	if *ns.Properties.ProvisioningState != "Succeeded" || *ns.SKU.Tier != armservicebus.SKUTierStandard || *ns.Identity.PrincipalID == "" || ns.Properties.CreatedAt.IsZero() {
		t.Errorf("namespace: %+v", *ns.Properties)
	}
	patched, err := namespaces.Update(ctx, "rg1", "contoso", armservicebus.SBNamespaceUpdateParameters{Tags: map[string]*string{"a": to.Ptr("1")}}, nil)
	check("update namespace", err)
	if *patched.Tags["a"] != "1" || *patched.Identity.PrincipalID != *ns.Identity.PrincipalID {
		t.Errorf("patched namespace: tags %v", patched.Tags)
	}
	keys, err := namespaces.ListKeys(ctx, "rg1", "contoso", "RootManageSharedAccessKey", nil)
	check("list keys", err)
	if _, err := f.auth.VerifyKey("contoso", *keys.KeyName, *keys.PrimaryKey); err != nil {
		t.Errorf("the listed key: %v", err)
	}
	again, err := namespaces.RegenerateKeys(ctx, "rg1", "contoso", "RootManageSharedAccessKey", armservicebus.RegenerateAccessKeyParameters{KeyType: to.Ptr(armservicebus.KeyTypePrimaryKey)}, nil)
	check("regenerate keys", err)
	if *again.PrimaryKey == *keys.PrimaryKey || *again.SecondaryKey != *keys.SecondaryKey {
		t.Error("regenerating the primary key left it, or changed the secondary")
	}
	network, err := namespaces.GetNetworkRuleSet(ctx, "rg1", "contoso", nil)
	check("network rules", err)
	if *network.Properties.DefaultAction != armservicebus.DefaultActionAllow {
		t.Errorf("network rules: %s", *network.Properties.DefaultAction)
	}

	queues, err := armservicebus.NewQueuesClient(subID, staticToken{}, options)
	check("queues client", err)
	queue, err := queues.CreateOrUpdate(ctx, "rg1", "contoso", "orders/eu", armservicebus.SBQueue{Properties: &armservicebus.SBQueueProperties{LockDuration: to.Ptr("PT45S"), MaxDeliveryCount: to.Ptr[int32](3)}}, nil)
	check("create queue", err)
	if *queue.Properties.LockDuration != "PT45S" || *queue.Properties.MaxDeliveryCount != 3 || *queue.Properties.Status != armservicebus.EntityStatusActive || *queue.Name != "orders/eu" {
		t.Errorf("queue: %+v", *queue.Properties)
	}
	send(t, f, "contoso", "orders/eu", "x")
	got, err := queues.Get(ctx, "rg1", "contoso", "orders/eu", nil)
	check("get queue", err)
	if *got.Properties.CountDetails.ActiveMessageCount != 1 {
		t.Errorf("queue after one message: %+v", *got.Properties.CountDetails)
	}
	// A client sends back what it read.
	_, err = queues.CreateOrUpdate(ctx, "rg1", "contoso", "orders/eu", got.SBQueue, nil)
	check("put queue back", err)
	_, err = queues.CreateOrUpdate(ctx, "rg1", "contoso", "sessions", armservicebus.SBQueue{Properties: &armservicebus.SBQueueProperties{RequiresSession: to.Ptr(true)}}, nil)
	check("put a queue with sessions", err)
	_, err = queues.CreateOrUpdate(ctx, "rg1", "contoso", "forwards", armservicebus.SBQueue{Properties: &armservicebus.SBQueueProperties{ForwardTo: to.Ptr("x")}}, nil)
	wantCode(t, err, 400, "BadRequest")
	forwards, err := queues.CreateOrUpdate(ctx, "rg1", "contoso", "forwards", armservicebus.SBQueue{Properties: &armservicebus.SBQueueProperties{ForwardTo: to.Ptr("sessions")}}, nil)
	check("put a queue that forwards", err)
	if got := forwards.Properties.ForwardTo; got == nil || *got != "sessions" {
		t.Errorf("forwardTo is %v, want sessions", got)
	}
	_, err = queues.CreateOrUpdate(ctx, "rg1", "nobody", "q", armservicebus.SBQueue{}, nil)
	wantCode(t, err, 404, "ParentResourceNotFound")
	_, err = queues.Get(ctx, "rg1", "contoso", "none", nil)
	wantCode(t, err, 404, "NotFound")
	rule, err := queues.CreateOrUpdateAuthorizationRule(ctx, "rg1", "contoso", "orders/eu", "sender", armservicebus.SBAuthorizationRule{
		Properties: &armservicebus.SBAuthorizationRuleProperties{Rights: []*armservicebus.AccessRights{to.Ptr(armservicebus.AccessRightsSend)}}}, nil)
	check("create queue rule", err)
	if len(rule.Properties.Rights) != 1 {
		t.Errorf("rights of the queue's rule: %v", rule.Properties.Rights)
	}
	queueKeys, err := queues.ListKeys(ctx, "rg1", "contoso", "orders/eu", "sender", nil)
	check("list queue keys", err)
	if *queueKeys.PrimaryConnectionString == "" {
		t.Error("a queue's rule without connection string")
	}

	topics, err := armservicebus.NewTopicsClient(subID, staticToken{}, options)
	check("topics client", err)
	_, err = topics.CreateOrUpdate(ctx, "rg1", "contoso", "news", armservicebus.SBTopic{Properties: &armservicebus.SBTopicProperties{}}, nil)
	check("create topic", err)
	subscriptions, err := armservicebus.NewSubscriptionsClient(subID, staticToken{}, options)
	check("subscriptions client", err)
	_, err = subscriptions.CreateOrUpdate(ctx, "rg1", "contoso", "news", "all", armservicebus.SBSubscription{}, nil)
	check("create subscription", err)
	rules, err := armservicebus.NewRulesClient(subID, staticToken{}, options)
	check("rules client", err)
	_, err = rules.CreateOrUpdate(ctx, "rg1", "contoso", "news", "all", "red", armservicebus.Rule{Properties: &armservicebus.Ruleproperties{
		FilterType:        to.Ptr(armservicebus.FilterTypeCorrelationFilter),
		CorrelationFilter: &armservicebus.CorrelationFilter{Label: to.Ptr("red"), Properties: map[string]*string{"k": to.Ptr("v")}}}}, nil)
	check("create rule", err)
	page, err := rules.NewListBySubscriptionsPager("rg1", "contoso", "news", "all", nil).NextPage(ctx)
	check("list rules", err)
	if len(page.Value) != 1 || *page.Value[0].Name != "red" || *page.Value[0].Properties.CorrelationFilter.Label != "red" {
		t.Errorf("rules of the subscription: %d, want red alone", len(page.Value))
	}
	topic, err := topics.Get(ctx, "rg1", "contoso", "news", nil)
	check("get topic", err)
	if *topic.Properties.SubscriptionCount != 1 {
		t.Errorf("the topic counts %d subscriptions, want 1", *topic.Properties.SubscriptionCount)
	}

	resources, err := armresources.NewClient(subID, staticToken{}, options)
	check("resources client", err)
	generic, err := resources.GetByID(ctx, *ns.ID, "2022-10-01-preview", nil)
	check("get by ID", err)
	if *generic.Name != "contoso" || *generic.SKU.Name != "Standard" {
		t.Errorf("generic resource %s, %s", *generic.Name, *generic.SKU.Name)
	}
	list, err := resources.NewListByResourceGroupPager("rg1", &armresources.ClientListByResourceGroupOptions{Expand: to.Ptr("provisioningState")}).NextPage(ctx)
	check("list resources", err)
	if len(list.Value) != 1 || *list.Value[0].ProvisioningState != "Succeeded" {
		t.Errorf("resources of the group: %d, want the namespace", len(list.Value))
	}

	_, err = queues.Delete(ctx, "rg1", "contoso", "orders/eu", nil)
	check("delete queue", err)
	_, err = queues.Delete(ctx, "rg1", "contoso", "orders/eu", nil)
	check("delete queue again", err)
	deletion, err := namespaces.BeginDelete(ctx, "rg1", "contoso", nil)
	check("delete namespace", err)
	_, err = deletion.PollUntilDone(ctx, nil)
	check("delete namespace", err)
	groupDeletion, err := groups.BeginDelete(ctx, "rg1", nil)
	check("delete group", err)
	_, err = groupDeletion.PollUntilDone(ctx, nil)
	check("delete group", err)
	_, err = groups.Get(ctx, "rg1", nil)
	wantCode(t, err, 404, "ResourceGroupNotFound")
}
