package azure

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Namespace is a Service Bus namespace.
type Namespace struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// NamespaceArgs are its inputs. Sku has the members name and tier: Basic, Standard
// or Premium.
type NamespaceArgs struct {
	ResourceGroupName   pulumi.StringInput    `pulumi:"resourceGroupName"`
	NamespaceName       pulumi.StringInput    `pulumi:"namespaceName"`
	Location            pulumi.StringInput    `pulumi:"location"`
	Sku                 pulumi.StringMapInput `pulumi:"sku"`
	PublicNetworkAccess pulumi.StringInput    `pulumi:"publicNetworkAccess"`
	MinimumTlsVersion   pulumi.StringInput    `pulumi:"minimumTlsVersion"`
	Tags                pulumi.StringMapInput `pulumi:"tags"`
}

// NewNamespace declares a namespace.
func NewNamespace(ctx *pulumi.Context, name string, args NamespaceArgs, opts ...pulumi.ResourceOption) (
	*Namespace, error) {
	return register(ctx, "servicebus:Namespace", name, args, &Namespace{}, opts)
}

// Queue is a queue of a namespace.
type Queue struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// QueueArgs are its inputs. Durations are ISO 8601.
type QueueArgs struct {
	ResourceGroupName                pulumi.StringInput `pulumi:"resourceGroupName"`
	NamespaceName                    pulumi.StringInput `pulumi:"namespaceName"`
	QueueName                        pulumi.StringInput `pulumi:"queueName"`
	LockDuration                     pulumi.StringInput `pulumi:"lockDuration"`
	MaxDeliveryCount                 pulumi.IntInput    `pulumi:"maxDeliveryCount"`
	DefaultMessageTimeToLive         pulumi.StringInput `pulumi:"defaultMessageTimeToLive"`
	DeadLetteringOnMessageExpiration pulumi.BoolInput   `pulumi:"deadLetteringOnMessageExpiration"`
}

// NewQueue declares a queue.
func NewQueue(ctx *pulumi.Context, name string, args QueueArgs,
	opts ...pulumi.ResourceOption) (*Queue, error) {
	return register(ctx, "servicebus:Queue", name, args, &Queue{}, opts)
}

// Topic is a topic of a namespace.
type Topic struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// TopicArgs are its inputs.
type TopicArgs struct {
	ResourceGroupName        pulumi.StringInput `pulumi:"resourceGroupName"`
	NamespaceName            pulumi.StringInput `pulumi:"namespaceName"`
	TopicName                pulumi.StringInput `pulumi:"topicName"`
	DefaultMessageTimeToLive pulumi.StringInput `pulumi:"defaultMessageTimeToLive"`
}

// NewTopic declares a topic.
func NewTopic(ctx *pulumi.Context, name string, args TopicArgs,
	opts ...pulumi.ResourceOption) (*Topic, error) {
	return register(ctx, "servicebus:Topic", name, args, &Topic{}, opts)
}

// Subscription is a subscription of a topic.
type Subscription struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// SubscriptionArgs are its inputs.
type SubscriptionArgs struct {
	ResourceGroupName pulumi.StringInput `pulumi:"resourceGroupName"`
	NamespaceName     pulumi.StringInput `pulumi:"namespaceName"`
	TopicName         pulumi.StringInput `pulumi:"topicName"`
	SubscriptionName  pulumi.StringInput `pulumi:"subscriptionName"`
	MaxDeliveryCount  pulumi.IntInput    `pulumi:"maxDeliveryCount"`
}

// NewSubscription declares a subscription.
func NewSubscription(ctx *pulumi.Context, name string, args SubscriptionArgs, opts ...pulumi.ResourceOption) (
	*Subscription, error) {
	return register(ctx, "servicebus:Subscription", name, args, &Subscription{}, opts)
}

// NamespaceAuthorizationRule is a key with rights on a namespace.
type NamespaceAuthorizationRule struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// NamespaceAuthorizationRuleArgs are its inputs. Rights are Listen, Send and Manage.
type NamespaceAuthorizationRuleArgs struct {
	ResourceGroupName     pulumi.StringInput      `pulumi:"resourceGroupName"`
	NamespaceName         pulumi.StringInput      `pulumi:"namespaceName"`
	AuthorizationRuleName pulumi.StringInput      `pulumi:"authorizationRuleName"`
	Rights                pulumi.StringArrayInput `pulumi:"rights"`
}

// NewNamespaceAuthorizationRule declares an authorization rule.
func NewNamespaceAuthorizationRule(ctx *pulumi.Context, name string, args NamespaceAuthorizationRuleArgs,
	opts ...pulumi.ResourceOption) (*NamespaceAuthorizationRule, error) {
	return register(ctx, "servicebus:NamespaceAuthorizationRule", name, args,
		&NamespaceAuthorizationRule{}, opts)
}

// PrimaryConnectionString asks for the keys of a rule of a namespace, once all three
// exist; the answer is a secret.
func PrimaryConnectionString(ctx *pulumi.Context, group *ResourceGroup, ns *Namespace,
	rule *NamespaceAuthorizationRule) pulumi.StringOutput {
	// The rule's ID is part of what is waited for: in a preview it is not known, and
	// a rule that does not exist has no keys.
	all := pulumi.All(group.Name, ns.Name, rule.Name, rule.ID())
	connection := all.ApplyT(func(v []any) (string, error) {
		args := map[string]any{"resourceGroupName": v[0], "namespaceName": v[1], "authorizationRuleName": v[2]}
		var keys struct {
			PrimaryConnectionString string `pulumi:"primaryConnectionString"`
		}
		err := call(ctx, "servicebus:listNamespaceKeys", args, &keys)
		return keys.PrimaryConnectionString, err
	}).(pulumi.StringOutput)
	return pulumi.ToSecret(connection).(pulumi.StringOutput)
}
