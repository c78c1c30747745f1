package datafactoryrp

import (
	"errors"
	"net/http"
	"testing"

	"switchyard/arm"
	"switchyard/pipeline"
	"switchyard/pipeline/factory"
)

// TestErrorTable: every error of the domain has a status and a code of Azure's.
func TestErrorTable(t *testing.T) {
	id := resourceID(factory.ID{Subscription: "s", ResourceGroup: "g", Factory: "f"}).Child("pipelines", "p")
	for _, tt := range []struct {
		kind   error
		method string
		status int
		code   string
	}{
		{factory.ErrFactoryNotFound, "GET", 404, "ResourceNotFound"},
		{factory.ErrFactoryNotFound, "PUT", 404, "ParentResourceNotFound"},
		{factory.ErrNotFound, "GET", 404, "PipelineNotFound"},
		{factory.ErrInvalid, "PUT", 400, "BadRequest"},
		{factory.ErrMissingReference, "PUT", 400, "BadRequest"},
		{factory.ErrReferenced, "DELETE", 400, "BadRequest"},
		{factory.ErrTriggerStarted, "PUT", 400, "TriggerEnabledCannotUpdate"},
		{factory.ErrTriggerNotStarted, "POST", 400, "BadRequest"},
		{factory.ErrWindowStart, "PUT", 400, "TumblingWindowTriggerStartTimeUpdateNotAllowed"},
		{factory.ErrWindowFrequency, "PUT", 400, "TumblingWindowTriggerFrequencyOrIntervalUpdateNotAllowed"},
		{factory.ErrNameInUse, "PUT", 409, "DataFactoryNameInUse"},
		{factory.ErrLocation, "PUT", 409, "InvalidResourceLocation"},
		{factory.ErrDeleting, "PUT", 409, "Conflict"},
		{factory.ErrNotSupported, "PUT", 400, "NotSupported"},
	} {
		var e *arm.Error
		if !errors.As(translate(&arm.Request{Method: tt.method, ID: id}, &factory.Error{Kind: tt.kind, Message: "why"}), &e) || e.Status != tt.status || e.Code != tt.code {
			t.Errorf("%v for %s: got %+v, want %d %s", tt.kind, tt.method, e, tt.status, tt.code)
		}
	}
	other := errors.New("disk")
	if err := translate(&arm.Request{ID: id}, other); err != other {
		t.Errorf("an error of no kind: got %v, want it as it is", err)
	}
	if len(errorTable) != 13 {
		t.Errorf("the table has %d kinds, this test knows 13", len(errorTable))
	}
}

// TestDetailsAreBounded: one answer does not tell a thousand mistakes.
func TestDetailsAreBounded(t *testing.T) {
	ds := make(pipeline.Diagnostics, 1000)
	for i := range ds {
		ds[i] = pipeline.Diagnostic{Path: "$.properties", Message: "wrong"}
	}
	id := resourceID(factory.ID{Factory: "f"})
	var e *arm.Error
	if !errors.As(translate(&arm.Request{Method: http.MethodPut, ID: id}, &factory.Error{Kind: factory.ErrInvalid, Diagnostics: ds}), &e) || len(e.Details) != maxDetails {
		t.Errorf("got %d details, want %d", len(e.Details), maxDetails)
	}
}
