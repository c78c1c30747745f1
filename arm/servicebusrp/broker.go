package servicebusrp

import (
	"switchyard/auth"
	"switchyard/broker"
)

// Broker is what the provider needs of [broker.Broker]: changes as effects, so
// that they are one unit with the envelope, and live descriptions.
type Broker interface {
	PutNamespaceEffect(name string, o broker.NamespaceOptions, access ...[]byte) *broker.Change
	DeleteNamespaceEffect(name string, force bool) *broker.Change
	AccessEffect(ns, path string, rules []byte) *broker.Change
	Namespace(name string) (broker.NamespaceOptions, error)

	PutQueueEffect(ns, path string, o broker.QueueOptions) *broker.Change
	DeleteQueueEffect(ns, path string, force bool) *broker.Change
	Queue(ns, path string) (*broker.Queue, error)
	Queues(ns string) ([]broker.QueueInfo, error)
}

// Topics is what the provider needs of a broker that has topics; [broker.Broker]
// does.
type Topics interface {
	PutTopicEffect(ns, path string, o broker.TopicOptions) *broker.Change
	DeleteTopicEffect(ns, path string, force bool) *broker.Change
	Topic(ns, path string) (*broker.Topic, error)
	Topics(ns string) ([]broker.TopicInfo, error)

	PutSubscriptionEffect(ns, topic, name string, o broker.SubscriptionOptions,
		first ...broker.DefaultRule) *broker.Change
	DeleteSubscriptionEffect(ns, topic, name string, force bool) *broker.Change
	Subscription(ns, topic, name string) (broker.SubscriptionInfo, error)
	Subscriptions(ns, topic string) ([]broker.SubscriptionInfo, error)

	PutRuleEffect(ns, topic, subscription, name string, o broker.RuleOptions,
		mode broker.RuleMode) *broker.Change
	DeleteRuleEffect(ns, topic, subscription, name string) *broker.Change
	Rules(ns, topic, subscription string) ([]broker.RuleInfo, error)
}

// Authority is what the provider needs of [auth.Authority].
type Authority interface {
	PutRule(ns, entity string, r auth.AuthorizationRule) (created bool, err error)
	Rule(ns, entity, name string) (auth.AuthorizationRule, error)
	Rules(ns, entity string) []auth.AuthorizationRule
	DeleteRule(ns, entity, name string) error
	DeleteEntity(ns, entity string)
	DeleteNamespace(ns string)
}
