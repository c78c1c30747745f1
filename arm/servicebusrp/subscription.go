package servicebusrp

import (
	"context"
	"net/http"

	"switchyard/arm"
	"switchyard/broker/description"
	"switchyard/value"
)

// handleSubscription answers for actions of the provider in a subscription.
func (p *Provider) handleSubscription(_ context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Method != http.MethodPost || r.Action != "checknameavailability" || r.ID.ResourceGroup != "" {
		return nil, arm.MethodNotAllowed(r)
	}
	body := arm.Read(r.Body, arm.BadRequest)
	name, ok := body.String("name")
	if !ok {
		body.Fail("name", "it is missing")
	}
	body.Ignore("type")
	body.Close()
	if err := body.Err(); err != nil {
		return nil, err
	}
	if why := description.CheckNamespace(name); why != nil {
		return arm.OK(object("message", "The namespace name is not valid: "+why.Error()+".", "nameAvailable", false,
			"reason", "InvalidName")), nil
	}
	if _, err := p.o.Broker.Namespace(name); err == nil {
		return arm.OK(object("message", "The specified name is not available.", "nameAvailable", false,
			"reason", "NameInUse")), nil
	}
	return arm.OK(object("message", "", "nameAvailable", true, "reason", "None")), nil
}

// handleOperations lists what callers may be allowed to do.
func (p *Provider) handleOperations(_ context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Method != http.MethodGet {
		return nil, arm.MethodNotAllowed(r)
	}
	var items []*value.Object
	for _, resource := range []struct{ path, name string }{
		{"namespaces", "Namespace"}, {"namespaces/authorizationRules", "AuthorizationRule"},
		{"namespaces/queues", "Queue"}, {"namespaces/queues/authorizationRules", "Queue AuthorizationRule"},
		{"namespaces/topics", "Topic"}, {"namespaces/topics/authorizationRules", "Topic AuthorizationRule"},
		{"namespaces/topics/subscriptions", "TopicSubscription"}, {"namespaces/topics/subscriptions/rules", "Rule"},
		{"namespaces/networkRuleSets", "NetworkRuleSet"},
	} {
		for _, verb := range []string{"read", "write", "delete"} {
			items = append(items, operation(resource.path+"/"+verb, resource.name, false))
		}
	}
	for _, action := range []string{"namespaces/authorizationRules/listkeys/action",
		"namespaces/authorizationRules/regenerateKeys/action", "checkNameAvailability/action"} {
		items = append(items, operation(action, "Namespace", false))
	}
	for _, action := range []string{"send", "receive"} {
		items = append(items, operation("namespaces/messages/"+action+"/action", "Messages", true))
	}
	return arm.List(items...), nil
}

func operation(name, resource string, data bool) *value.Object {
	name = Namespace + "/" + name
	return object("name", name, "isDataAction", data,
		"display", object("provider", "Microsoft Azure ServiceBus", "resource", resource, "operation", name,
			"description", name))
}
