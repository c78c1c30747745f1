package arm

import (
	"fmt"
	"net/http"
	"strings"

	"switchyard/value"
)

// An Error is what a client is told [ARM 3]. It is written as
// {"error":{"code","message","target","details"}} with the code in the header
// x-ms-error-code too.
type Error struct {
	Status  int
	Code    string
	Message string
	Target  string // optional: what in the request is wrong
	Details []Error
	// Header is sent with the error, for example Retry-After. Optional.
	Header http.Header
}

// Error implements error: the way az prints one.
func (e *Error) Error() string { return "(" + e.Code + ") " + e.Message }

// Object returns the inner object of the envelope.
func (e *Error) Object() *value.Object {
	o := value.NewObject(value.Member{Name: "code", Value: e.Code},
		value.Member{Name: "message", Value: e.Message})
	if e.Target != "" {
		o.Set("target", e.Target)
	}
	if len(e.Details) > 0 {
		details := make(value.Array, len(e.Details))
		for i := range e.Details {
			details[i] = e.Details[i].Object()
		}
		o.Set("details", details)
	}
	return o
}

// Errorf makes an error. The message is formatted as by [fmt.Sprintf].
func Errorf(status int, code, format string, a ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, a...)}
}

// BadRequest is the error of a request that the provider refuses.
func BadRequest(format string, a ...any) *Error {
	return Errorf(http.StatusBadRequest, "BadRequest", format, a...)
}

// InvalidContent is the error of a body that can't be read.
func InvalidContent(format string, a ...any) *Error {
	return Errorf(http.StatusBadRequest, "InvalidRequestContent", format, a...)
}

// NotSupported is the error for what Azure has and this program has not.
func NotSupported(format string, a ...any) *Error {
	return Errorf(http.StatusNotImplemented, "NotSupported", format, a...)
}

// MethodNotAllowed is the error for a method that a resource does not have.
func MethodNotAllowed(r *Request) *Error {
	what := r.ID.Type()
	if r.Action != "" {
		what += "/" + r.Action
	}
	return Errorf(http.StatusMethodNotAllowed, "MethodNotAllowed",
		"The HTTP method '%s' is not supported for '%s'.", r.Method, what)
}

// ResourceNotFound is the error for a resource that is not there.
func ResourceNotFound(id ResourceID) *Error {
	if id.ResourceGroup == "" {
		return Errorf(http.StatusNotFound, "ResourceNotFound",
			"The Resource '%s' was not found.", id.Type()+"/"+id.Name())
	}
	return Errorf(http.StatusNotFound, "ResourceNotFound",
		"The Resource '%s' under resource group '%s' was not found. For more details please go to "+
			"https://aka.ms/ARMResourceNotFoundFix",
		id.Path(), id.ResourceGroup)
}

// ParentNotFound is the error for the creation of a resource in one that is not
// there.
func ParentNotFound(parent ResourceID) *Error {
	return Errorf(http.StatusNotFound, "ParentResourceNotFound",
		"Can not perform requested operation on nested resource. Parent resource '%s' not found.",
		strings.Join(parent.Names, "/"))
}

// GroupNotFound is the error for a resource group that is not there.
func GroupNotFound(name string) *Error {
	return Errorf(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", name)
}

// GroupBeingDeleted is the error for a change in a group that is being deleted.
func GroupBeingDeleted(name string) *Error {
	return Errorf(http.StatusConflict, "ResourceGroupBeingDeleted",
		"The resource group '%s' is in deprovisioning state and cannot perform this operation.", name)
}
