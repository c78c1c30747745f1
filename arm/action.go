package arm

import (
	"net/http"
	"strings"
)

// verbs are the last segments of the actions of methods. A PATCH writes, and a POST
// performs what its path names. HEAD has become GET before.
var verbs = map[string]string{http.MethodGet: "read", http.MethodPut: "write", http.MethodPatch: "write",
	http.MethodPost: "action", http.MethodDelete: "delete"}

// operation is what a request performs, as Azure's permission lists name it: the
// resource type, what a POST's path ends in, and the verb, for example
// Microsoft.ServiceBus/namespaces/queues/read. The scope is where it is needed: the
// resource, or for a list what the list is of. The types of the request's ID are
// those of [Kernel.canonical].
func (k *Kernel) operation(r *Request) (action string, scope ResourceID) {
	scope = r.ID
	if r.Collection {
		scope = r.ID.Parent()
	}
	typ := k.operationType(r.ID)
	if ns, ok := registration(r); ok {
		// Registering a provider is an action of the provider, in the subscription.
		typ, scope = ns, ResourceID{Subscription: r.ID.Subscription}
	}
	if r.Action != "" {
		typ += "/" + spelled(r.Action)
	}
	return typ + "/" + verbs[r.Method], scope
}

// operationType is the type of an ID as permission lists name it. What has no
// provider in its path is below Microsoft.Resources/subscriptions there.
func (k *Kernel) operationType(id ResourceID) string {
	if id.Provider != "" {
		return id.Type()
	}
	typ := ResourcesNamespace
	if id.Subscription != "" {
		typ += "/subscriptions"
	}
	if id.ResourceGroup != "" {
		typ += "/resourceGroups"
	}
	known := k.providers[strings.ToLower(ResourcesNamespace)].types
	for _, t := range id.Types {
		if info, ok := known[strings.ToLower(t)]; ok {
			t = info.Type
		}
		typ += "/" + t
	}
	return typ
}

// registration returns the provider that a request registers or unregisters.
func registration(r *Request) (namespace string, ok bool) {
	ok = r.ID.Provider == "" && r.Method == http.MethodPost && len(r.ID.Types) == 1 && len(r.ID.Names) == 1 &&
		strings.EqualFold(r.ID.Types[0], "providers")
	if ok {
		namespace = r.ID.Names[0]
	}
	return namespace, ok
}

// spellings are the actions of POSTs as Azure writes them; a request's is in lower
// case.
var spellings = []string{"listKeys", "regenerateKeys", "checkNameAvailability", "createRun", "cancel",
	"queryActivityRuns", "queryPipelineRuns", "queryTriggerRuns", "queryTriggers", "start", "stop", "getStatus",
	"getEventSubscriptionStatus", "subscribeToEvents", "unsubscribeFromEvents", "register", "unregister",
	"exportTemplate", "moveResources", "validateMoveResources"}

func spelled(action string) string {
	for _, s := range spellings {
		if strings.EqualFold(s, action) {
			return s
		}
	}
	return action
}
