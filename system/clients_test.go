package system

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/datafactory/armdatafactory/v9"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/servicebus/armservicebus"
)

// An azureClient is what a program has that knows nothing of a Switchyard but
// its environment variables.
type azureClient struct {
	t            *testing.T
	subscription string
	tls          *tls.Config
	options      azcore.ClientOptions
	token        azcore.TokenCredential
}

// newAzureClient sets the variables and reads them as the SDKs do. SSL_CERT_FILE
// is read here: Go looks at it once in a process.
func newAzureClient(t *testing.T, s *System) *azureClient {
	t.Helper()
	for _, v := range s.Endpoints().Environment() {
		t.Setenv(v.Name, v.Value)
	}
	bundle, err := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		t.Fatal("no certificate in SSL_CERT_FILE")
	}
	c := &azureClient{t: t, subscription: os.Getenv("ARM_SUBSCRIPTION_ID"), tls: &tls.Config{RootCAs: pool}}
	transport := &http.Client{Transport: &http.Transport{TLSClientConfig: c.tls, ForceAttemptHTTP2: true}}
	t.Cleanup(transport.CloseIdleConnections)
	host := "https://" + os.Getenv("ARM_METADATA_HOSTNAME")
	c.options = azcore.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"), Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: host, Audience: host},
		}},
		Transport: transport,
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
	return c
}

// secret logs in with the client secret of the environment.
func (c *azureClient) secret() *azureClient {
	c.t.Helper()
	cred, err := azidentity.NewClientSecretCredential(os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET"),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: c.options, DisableInstanceDiscovery: true})
	c.must(err)
	c.token = cred
	return c
}

// managed is the managed identity of the environment, in App Service's style.
func (c *azureClient) managed() *azureClient {
	c.t.Helper()
	cred, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ClientOptions: c.options})
	c.must(err)
	c.token = uncached{cred}
	return c
}

// uncached asks for a token each time. MSAL keeps those of managed identities
// for the process, and here several Switchyards run in one, each with a key of
// its own.
type uncached struct{ azcore.TokenCredential }

func (u uncached) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	o.Claims = `{"access_token":{}}` // claims pass by the cache
	return u.TokenCredential.GetToken(ctx, o)
}

func (c *azureClient) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *azureClient) wantCode(what string, err error, status int, code string) {
	c.t.Helper()
	if e, ok := errors.AsType[*azcore.ResponseError](err); !ok || e.StatusCode != status || e.ErrorCode != code {
		c.t.Errorf("%s: got %v, want %d %s", what, err, status, code)
	}
}

// done waits for a long-running operation.
func done[T any](c *azureClient, p *runtime.Poller[T], err error) T {
	c.t.Helper()
	c.must(err)
	v, err := p.PollUntilDone(c.t.Context(), &runtime.PollUntilDoneOptions{Frequency: 10 * time.Millisecond})
	c.must(err)
	return v
}

// names collects a name of each item of a list, page after page.
func names[P any](c *azureClient, pager *runtime.Pager[P], read func(P) []*string) []string {
	c.t.Helper()
	var all []string
	for pager.More() {
		page, err := pager.NextPage(c.t.Context())
		c.must(err)
		for _, n := range read(page) {
			all = append(all, *n)
		}
	}
	slices.Sort(all)
	return all
}

// each returns something of each item of a page.
func each[T any](items []*T, name func(*T) *string) []*string {
	var out []*string
	for _, i := range items {
		out = append(out, name(i))
	}
	return out
}

func (c *azureClient) wantNames(what string, got []string, want ...string) {
	c.t.Helper()
	if !slices.Equal(got, want) {
		c.t.Errorf("list of %s: got %q, want %q", what, got, want)
	}
}

// TestGoClients: Azure's libraries create, show, list, change and delete
// everything, all of it again, and send to what they made, with nothing but the
// environment of a Switchyard; logged in with a secret and as managed identity.
func TestGoClients(t *testing.T) {
	for _, login := range []struct {
		name string
		in   func(*azureClient) *azureClient
	}{{"ClientSecretCredential", (*azureClient).secret}, {"ManagedIdentityCredential", (*azureClient).managed}} {
		t.Run(login.name, func(t *testing.T) {
			s := startSystem(t, Options{})
			c := login.in(newAzureClient(t, s))
			groups, err := armresources.NewClientFactory(c.subscription, c.token, &arm.ClientOptions{ClientOptions: c.options})
			c.must(err)
			bus, err := armservicebus.NewClientFactory(c.subscription, c.token, &arm.ClientOptions{ClientOptions: c.options})
			c.must(err)
			factories, err := armdatafactory.NewClientFactory(c.subscription, c.token, &arm.ClientOptions{ClientOptions: c.options})
			c.must(err)

			for range 2 {
				group, err := groups.NewResourceGroupsClient().CreateOrUpdate(t.Context(), "rg", armresources.ResourceGroup{Location: to.Ptr("westeurope")}, nil)
				c.must(err)
				if want := "/subscriptions/" + c.subscription + "/resourceGroups/rg"; *group.ID != want {
					t.Errorf("group: got %s, want %s", *group.ID, want)
				}
				c.createBus(bus)
				c.createFactory(factories)
			}
			c.changeBus(bus)
			c.wantNames("resources", names(c, groups.NewClient().NewListByResourceGroupPager("rg", nil), func(p armresources.ClientListByResourceGroupResponse) []*string {
				return each(p.Value, func(r *armresources.GenericResourceExpanded) *string { return r.Name })
			}), "client-bus", "client-factory")
			c.exchange(bus)
			c.runPipeline(factories)
			c.deleteBus(bus)
			c.deleteFactory(factories)
			c.createBus(bus)
			c.createFactory(factories)

			deletion, err := groups.NewResourceGroupsClient().BeginDelete(t.Context(), "rg", nil)
			done(c, deletion, err)
			exists, err := groups.NewResourceGroupsClient().CheckExistence(t.Context(), "rg", nil)
			c.must(err)
			if e := s.Endpoints(); exists.Success || len(e.Namespaces)+len(e.Factories) > 0 {
				t.Errorf("after the group's deletion: exists %t, namespaces %v, factories %v", exists.Success, e.Namespaces, e.Factories)
			}
		})
	}
}

func (c *azureClient) createBus(f *armservicebus.ClientFactory) {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	creation, err := f.NewNamespacesClient().BeginCreateOrUpdate(ctx, "rg", "client-bus", armservicebus.SBNamespace{
		Location: to.Ptr("westeurope"), SKU: &armservicebus.SBSKU{Name: to.Ptr(armservicebus.SKUNameStandard)}}, nil)
	if ns := done(c, creation, err); *ns.Name != "client-bus" || *ns.Properties.ProvisioningState != "Succeeded" || *ns.SKU.Tier != armservicebus.SKUTierStandard {
		t.Errorf("namespace: got %s, %s, %s", *ns.Name, *ns.Properties.ProvisioningState, *ns.SKU.Tier)
	}
	queue, err := f.NewQueuesClient().CreateOrUpdate(ctx, "rg", "client-bus", "orders", armservicebus.SBQueue{
		Properties: &armservicebus.SBQueueProperties{LockDuration: to.Ptr("PT45S"), MaxDeliveryCount: to.Ptr[int32](5)}}, nil)
	c.must(err)
	if p := queue.Properties; *p.LockDuration != "PT45S" || *p.MaxDeliveryCount != 5 || *p.Status != armservicebus.EntityStatusActive {
		t.Errorf("queue: got %s, %d, %s", *p.LockDuration, *p.MaxDeliveryCount, *p.Status)
	}
	_, err = f.NewQueuesClient().CreateOrUpdateAuthorizationRule(ctx, "rg", "client-bus", "orders", "sender", armservicebus.SBAuthorizationRule{
		Properties: &armservicebus.SBAuthorizationRuleProperties{Rights: []*armservicebus.AccessRights{to.Ptr(armservicebus.AccessRightsSend)}}}, nil)
	c.must(err)
	_, err = f.NewTopicsClient().CreateOrUpdate(ctx, "rg", "client-bus", "news", armservicebus.SBTopic{Properties: &armservicebus.SBTopicProperties{}}, nil)
	c.must(err)
	_, err = f.NewSubscriptionsClient().CreateOrUpdate(ctx, "rg", "client-bus", "news", "all", armservicebus.SBSubscription{Properties: &armservicebus.SBSubscriptionProperties{}}, nil)
	c.must(err)
	rule, err := f.NewRulesClient().CreateOrUpdate(ctx, "rg", "client-bus", "news", "all", "red", armservicebus.Rule{Properties: &armservicebus.Ruleproperties{
		FilterType: to.Ptr(armservicebus.FilterTypeSQLFilter), SQLFilter: &armservicebus.SQLFilter{SQLExpression: to.Ptr("colour = 'red'")}}}, nil)
	c.must(err)
	if *rule.Properties.SQLFilter.SQLExpression != "colour = 'red'" {
		t.Errorf("rule: got %s", *rule.Properties.SQLFilter.SQLExpression)
	}
}

func (c *azureClient) changeBus(f *armservicebus.ClientFactory) {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	patched, err := f.NewNamespacesClient().Update(ctx, "rg", "client-bus", armservicebus.SBNamespaceUpdateParameters{Tags: map[string]*string{"a": to.Ptr("1")}}, nil)
	c.must(err)
	if *patched.Tags["a"] != "1" {
		t.Errorf("namespace after the update: tags %v", patched.Tags)
	}
	// What was read is sent back with one thing changed.
	queue, err := f.NewQueuesClient().Get(ctx, "rg", "client-bus", "orders", nil)
	c.must(err)
	queue.Properties.MaxDeliveryCount = to.Ptr[int32](7)
	changed, err := f.NewQueuesClient().CreateOrUpdate(ctx, "rg", "client-bus", "orders", queue.SBQueue, nil)
	c.must(err)
	if p := changed.Properties; *p.MaxDeliveryCount != 7 || *p.LockDuration != "PT45S" {
		t.Errorf("queue after the update: %d, %s", *p.MaxDeliveryCount, *p.LockDuration)
	}
	c.wantNames("queues", names(c, f.NewQueuesClient().NewListByNamespacePager("rg", "client-bus", nil), func(p armservicebus.QueuesClientListByNamespaceResponse) []*string {
		return each(p.Value, func(q *armservicebus.SBQueue) *string { return q.Name })
	}), "orders")
	c.wantNames("topics", names(c, f.NewTopicsClient().NewListByNamespacePager("rg", "client-bus", nil), func(p armservicebus.TopicsClientListByNamespaceResponse) []*string {
		return each(p.Value, func(q *armservicebus.SBTopic) *string { return q.Name })
	}), "news")
	c.wantNames("rules", names(c, f.NewRulesClient().NewListBySubscriptionsPager("rg", "client-bus", "news", "all", nil), func(p armservicebus.RulesClientListBySubscriptionsResponse) []*string {
		return each(p.Value, func(q *armservicebus.Rule) *string { return q.Name })
	}), "red")
}

// exchange sends with each way to log in to the bus, and receives.
func (c *azureClient) exchange(f *armservicebus.ClientFactory) {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	keys, err := f.NewNamespacesClient().ListKeys(ctx, "rg", "client-bus", "RootManageSharedAccessKey", nil)
	c.must(err)
	withKey, err := azservicebus.NewClientFromConnectionString(*keys.PrimaryConnectionString, nil)
	c.must(err)
	defer withKey.Close(context.Background())
	sendTo(t, withKey, "orders", "with-key")

	senderKeys, err := f.NewQueuesClient().ListKeys(ctx, "rg", "client-bus", "orders", "sender", nil)
	c.must(err)
	sender, err := azservicebus.NewClientFromConnectionString(*senderKeys.PrimaryConnectionString, nil)
	c.must(err)
	defer sender.Close(context.Background())
	sendTo(t, sender, "orders", "with-queue-key")

	// The namespace as Azure calls it, at the port of this Switchyard.
	withToken, err := azservicebus.NewClient("client-bus.servicebus.windows.net", c.token, &azservicebus.ClientOptions{
		CustomEndpoint: os.Getenv("ARM_METADATA_HOSTNAME"), TLSConfig: c.tls, RetryOptions: azservicebus.RetryOptions{MaxRetries: -1}})
	c.must(err)
	defer withToken.Close(context.Background())
	sendTo(t, withToken, "orders", "with-token")

	var got []string
	for _, m := range take(t, withKey, "orders", 0, 3) {
		got = append(got, m.MessageID)
	}
	if want := []string{"with-key", "with-queue-key", "with-token"}; !slices.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}

	renewed, err := f.NewNamespacesClient().RegenerateKeys(ctx, "rg", "client-bus", "RootManageSharedAccessKey", armservicebus.RegenerateAccessKeyParameters{KeyType: to.Ptr(armservicebus.KeyTypePrimaryKey)}, nil)
	c.must(err)
	if *renewed.PrimaryKey == *keys.PrimaryKey {
		t.Error("the renewed key is the old one")
	}
	old, err := azservicebus.NewClientFromConnectionString(*keys.PrimaryConnectionString, &azservicebus.ClientOptions{RetryOptions: azservicebus.RetryOptions{MaxRetries: -1}})
	c.must(err)
	defer old.Close(context.Background())
	s, err := old.NewSender("orders", nil)
	if err == nil {
		err = s.SendMessage(ctx, &azservicebus.Message{Body: []byte("x")}, nil)
	}
	if e, ok := errors.AsType[*azservicebus.Error](err); !ok || e.Code != azservicebus.CodeUnauthorizedAccess {
		t.Errorf("send with the key of before: got %v, want unauthorized", err)
	}
	again, err := azservicebus.NewClientFromConnectionString(*renewed.PrimaryConnectionString, nil)
	c.must(err)
	defer again.Close(context.Background())
	sendTo(t, again, "orders", "with-renewed-key")
	if m := take(t, again, "orders", 0, 1)[0]; m.MessageID != "with-renewed-key" {
		t.Errorf("received %s, want what the renewed key sent", m.MessageID)
	}
}

func (c *azureClient) deleteBus(f *armservicebus.ClientFactory) {
	ctx := c.t.Context()
	c.t.Helper()
	for range 2 {
		_, err := f.NewTopicsClient().Delete(ctx, "rg", "client-bus", "news", nil)
		c.must(err)
		_, err = f.NewQueuesClient().Delete(ctx, "rg", "client-bus", "orders", nil)
		c.must(err)
	}
	for range 2 {
		deletion, err := f.NewNamespacesClient().BeginDelete(ctx, "rg", "client-bus", nil)
		done(c, deletion, err)
		_, err = f.NewNamespacesClient().Get(ctx, "rg", "client-bus", nil)
		c.wantCode("deleted namespace", err, 404, "ResourceNotFound")
	}
}
