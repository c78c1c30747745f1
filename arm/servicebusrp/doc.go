// Package servicebusrp is the resource provider Microsoft.ServiceBus [ARM 6].
// What it creates is the running thing: a queue takes messages the moment the
// answer leaves.
//
// The broker has the definitions of queues, topics, subscriptions and rules, and
// auth has the authorization rules; both have other front doors. Kept here is
// only what they don't know, in the control plane's store:
//
//	servicebus/namespaces/<name>   envelope: group, location, tags, SKU …
//
// Names are in lower case; each record is JSON with a version. An envelope is
// written in the unit that changes the broker's definition.
//
// A namespace's name is unique in the whole system. One that the broker has and
// that has no envelope, such as one of a deployed configuration, is not shown; a
// PUT adopts it with what is in it.
//
// Changes are serialised by one mutex that is held until the change is durable.
// A deletion is forced, as in Azure: runs that hold messages of what is deleted
// are told by the broker's events.
package servicebusrp
