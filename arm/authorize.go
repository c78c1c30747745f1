package arm

import (
	"net/http"
	"strings"

	"switchyard/value"
)

// An Authorizer decides what a caller may do, as Azure's role-based access control
// does. Actions are compared ignoring case. It is safe for concurrent use.
type Authorizer interface {
	// Allows reports whether a caller may perform an action, such as
	// Microsoft.ServiceBus/namespaces/queues/write, at a scope.
	Allows(c Caller, action string, scope ResourceID) bool
	// Knows reports whether a caller may do anything at all at a scope, above it or
	// below it.
	Knows(c Caller, scope ResourceID) bool
}

// An access is how much of an answer its caller gets.
type access int

const (
	accessAll      access = iota
	accessReadable        // of a list: what the caller may read by itself
)

// Trusts reports whether a caller may do everything, whatever roles it has.
func (k *Kernel) Trusts(c Caller) bool { return k.o.Authorizer == nil || c.Operator }

// authorize decides whether the caller may make a request, before anything is told
// about what is there. The error is 403 AuthorizationFailed in Azure's words.
func (k *Kernel) authorize(r *Request) (access, error) {
	if k.Trusts(r.Caller) {
		return accessAll, nil
	}
	at := *r
	if at.ID.Provider != "" {
		if _, _, err := k.canonical(&at.ID); err != nil {
			return 0, err
		}
	}
	action, scope := k.operation(&at)
	switch need := k.need(&at); {
	case need == needNothing, k.o.Authorizer.Allows(r.Caller, action, scope):
		return accessAll, nil
	case need == needKnown && k.o.Authorizer.Knows(r.Caller, ResourceID{Subscription: r.ID.Subscription}):
		return accessAll, nil
	case need == needReadable && k.o.Authorizer.Knows(r.Caller, scope):
		return accessReadable, nil
	case need == needReadable && scope.IsZero():
		return accessReadable, nil // the list of subscriptions: nobody is refused, some see none
	}
	return 0, k.authorizationFailed(r.Caller, action, scope)
}

// A need is what a request needs beside or instead of its action.
type need int

const (
	needAction   need = iota
	needNothing       // a login is enough
	needKnown         // any role in the subscription is enough
	needReadable      // a list, which shows what the caller may read
)

// need tells the requests apart that Azure lets through without their action at
// their scope. Lists of a subscription or group show what the caller may read; who
// has a role anywhere in a subscription sees the subscription, its regions and
// providers; the results of an operation are for who was told its GUID.
func (k *Kernel) need(r *Request) need {
	first := ""
	if len(r.ID.Types) > 0 {
		first = strings.ToLower(r.ID.Types[0])
	}
	tenant := r.ID.Subscription == "" && r.ID.Provider == ""
	switch {
	case r.Method != http.MethodGet:
		return needAction
	case r.anonymous(), tenant && (first == "tenants" || first == "providers"):
		return needNothing
	case tenant && first == "subscriptions" && r.Collection:
		return needReadable
	case r.ID.Provider == "" && r.ID.ResourceGroup == "" && !r.Collection &&
		(first == "operationresults" || first == "operationstatuses"):
		return needNothing
	case r.ID.Provider == "" && r.ID.ResourceGroup == "" && !tenant &&
		(first == "" || first == "locations" || first == "providers"):
		return needKnown
	case r.Collection && len(r.ID.Types) == 1 && r.ID.Scope == nil && k.tracked(r.ID):
		return needReadable
	}
	return needAction
}

// tracked reports whether a list is one of resource groups or of resources that
// are directly in a subscription or group.
func (k *Kernel) tracked(id ResourceID) bool {
	if id.Provider == "" {
		return strings.EqualFold(id.Types[0], "resourceGroups") || strings.EqualFold(id.Types[0], "resources")
	}
	p := k.providers[strings.ToLower(id.Provider)]
	return p != nil && p.types[strings.ToLower(id.Types[0])].Tracked
}

func (k *Kernel) authorizationFailed(c Caller, action string, scope ResourceID) error {
	at := scope.String()
	if at == "" {
		at = "/"
	}
	e := Errorf(http.StatusForbidden, "AuthorizationFailed",
		"The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope "+
			"'%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
		c.AppID, c.ObjectID, action, at)
	if !k.o.Authorizer.Knows(c, ResourceID{}) {
		e.Details = []Error{{Code: "NoRoles", Message: "The client has no role anywhere. An Owner or User " +
			"Access Administrator can assign one to the object id; the file of registered applications can name " +
			"roles of the client id in \"roles\"."}}
	}
	return e
}

// readable leaves of a list what its caller may read.
func (k *Kernel) readable(c Caller, resp *Response) *Response {
	v, _ := resp.Body.Get("value")
	items, ok := v.(value.Array)
	if !ok {
		return resp
	}
	shown := value.Array{}
	for _, item := range items {
		if o, ok := item.(*value.Object); ok && k.reads(c, o) {
			shown = append(shown, item)
		}
	}
	body := resp.Body.Clone()
	body.Set("value", shown)
	if n, ok := body.Get("count"); ok {
		if o, ok := n.(*value.Object); ok {
			o = o.Clone()
			o.Set("value", int64(len(shown)))
			body.Set("count", o)
		}
	}
	return &Response{Status: resp.Status, Body: body, Header: resp.Header}
}

func (k *Kernel) reads(c Caller, o *value.Object) bool {
	text, _ := o.Get("id")
	s, _ := text.(string)
	id, err := ParseID(s)
	if err != nil {
		return false
	}
	if id.Provider == "" && id.ResourceGroup == "" {
		return k.o.Authorizer.Knows(c, id)
	}
	return k.o.Authorizer.Allows(c, k.operationType(id)+"/read", id)
}
