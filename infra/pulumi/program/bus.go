package program

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/program/azure"
)

// bus declares the resource group, the namespace and what is in it.
func (s *System) bus(ctx *pulumi.Context, c Config) (err error) {
	if s.Group, err = azure.NewResourceGroup(ctx, "ai-resource-group",
		azure.ResourceGroupArgs{Location: pulumi.String(c.Location)}); err != nil {
		return err
	}
	if s.Namespace, err = azure.NewNamespace(ctx, "ai-servicebus", azure.NamespaceArgs{
		ResourceGroupName:   s.Group.Name,
		Location:            s.Group.Location,
		Sku:                 pulumi.StringMap{"name": pulumi.String(c.Tier), "tier": pulumi.String(c.Tier)},
		PublicNetworkAccess: pulumi.String("Enabled"),
	}); err != nil {
		return err
	}
	// In Azure a ticket that was received over HTTP is locked until it is completed:
	// five minutes, the longest lock, are longer than an answer takes.
	if s.Tickets, err = azure.NewQueue(ctx, "ai-tickets", azure.QueueArgs{
		ResourceGroupName:                s.Group.Name,
		NamespaceName:                    s.Namespace.Name,
		LockDuration:                     pulumi.String("PT5M"),
		MaxDeliveryCount:                 pulumi.Int(5),
		DeadLetteringOnMessageExpiration: pulumi.Bool(true),
	}); err != nil {
		return err
	}
	if s.Results, err = azure.NewQueue(ctx, "ai-results", azure.QueueArgs{
		ResourceGroupName: s.Group.Name,
		NamespaceName:     s.Namespace.Name,
	}); err != nil {
		return err
	}
	if c.topics() {
		if err := s.events(ctx); err != nil {
			return err
		}
	}
	s.Clients, err = azure.NewNamespaceAuthorizationRule(ctx, "ai-clients", azure.NamespaceAuthorizationRuleArgs{
		ResourceGroupName: s.Group.Name,
		NamespaceName:     s.Namespace.Name,
		Rights:            pulumi.ToStringArray([]string{"Listen", "Send"}),
	})
	return err
}

// events declares a topic for what others want to hear of, and a subscription that
// keeps all of it.
func (s *System) events(ctx *pulumi.Context) (err error) {
	if s.Topic, err = azure.NewTopic(ctx, "ai-events", azure.TopicArgs{
		ResourceGroupName: s.Group.Name,
		NamespaceName:     s.Namespace.Name,
	}); err != nil {
		return err
	}
	s.Subscription, err = azure.NewSubscription(ctx, "ai-events-all", azure.SubscriptionArgs{
		ResourceGroupName: s.Group.Name,
		NamespaceName:     s.Namespace.Name,
		TopicName:         s.Topic.Name,
		MaxDeliveryCount:  pulumi.Int(10),
	})
	return err
}
