package arm

import (
	"context"
	"net/http"

	"switchyard/value"
)

// A Local caller makes requests from within the process.
type Local struct {
	Kernel  *Kernel
	Caller  Caller
	BaseURL string // what answers name as the resource manager's address
}

// Do makes one request, as [Kernel.Dispatch] does. Body may be nil.
func (l Local) Do(ctx context.Context, method, id, apiVersion string, body *value.Object) error {
	rid, err := ParseID(id)
	if err != nil {
		return err
	}
	_, err = l.Kernel.Dispatch(ctx, &Request{
		Method: method, ID: rid, APIVersion: apiVersion, Query: map[string][]string{"api-version": {apiVersion}},
		Header: http.Header{}, Body: body, RawBody: value.Append(nil, body), BaseURL: l.BaseURL, Path: id,
		Caller: l.Caller,
	})
	return err
}
