package arm

import (
	"net/http"
	"net/url"

	"switchyard/value"
)

// A Request is one request to a [Provider], checked by the kernel: the resource
// type exists, the api-version is well-formed, the body is a JSON object, and
// the resource group is there.
type Request struct {
	Method string // GET, HEAD, PUT, PATCH, POST or DELETE
	// ID is what the path names, with subscription, group, provider and types in
	// canonical casing and names as the client spelled them.
	ID ResourceID
	// Action is the last segment of a POST to a resource, in lower case: listkeys.
	Action string
	// Collection says that the path ends in a type: ID has one type more than
	// names.
	Collection bool
	APIVersion string
	Query      url.Values // names as given; see Param
	Header     http.Header
	// Body is nil if the request had none.
	Body    *value.Object
	RawBody []byte
	Caller  Caller
	// BaseURL is the scheme and host that the client used, without a slash at
	// the end; Path is the escaped path that it asked for.
	BaseURL string
	Path    string
	// RequestID identifies the request in answers and logs.
	RequestID string
}

// A Caller is who makes a request, as far as its token says.
type Caller struct {
	ObjectID string
	AppID    string
	TenantID string
	Name     string
	// Operator says that it is the process itself, or who may read its data
	// directory: nothing is refused.
	Operator bool
}

// Param returns a query parameter, ignoring the case of its name; "" if it is
// not there.
func (r *Request) Param(name string) string { return param(r.Query, name) }

// A Response is what a [Provider] answers.
type Response struct {
	Status int
	Body   *value.Object // nil: no body
	Raw    []byte        // sent in place of Body, which is what it stands for: its numbers keep their spelling
	Header http.Header   // added to the kernel's own; may be nil
	// Warnings say what of a request that succeeded has no effect. They are logged and
	// sent as headers Warning with the code 199.
	Warnings []string
}

// OK is the answer 200.
func OK(body *value.Object) *Response { return &Response{Status: http.StatusOK, Body: body} }

// Created is the answer 201.
func Created(body *value.Object) *Response { return &Response{Status: http.StatusCreated, Body: body} }

// NoContent is the answer 204.
func NoContent() *Response { return &Response{Status: http.StatusNoContent} }

// Deleted is the answer to a DELETE that is done: 200 if something was deleted,
// otherwise 204.
func Deleted(existed bool) *Response {
	if existed {
		return OK(nil)
	}
	return NoContent()
}
