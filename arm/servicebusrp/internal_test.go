package servicebusrp

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"switchyard/arm"
	"switchyard/auth"
	"switchyard/broker"
)

// TestFailures walks every error that the broker's catalogue and auth may answer
// through the table.
func TestFailures(t *testing.T) {
	p := &Provider{o: Options{Clock: fixedClock{}}}
	r := &arm.Request{RequestID: "id"}
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{&broker.NotSupportedError{What: "queue property RequiresSession"}, 400, "BadRequest"},
		{broker.ErrNotSupported, 400, "BadRequest"},
		{broker.ErrNotAllowed, 400, "BadRequest"},
		{broker.ErrInvalidArgument, 400, "BadRequest"},
		{broker.ErrQuotaExceeded, 403, "QuotaExceeded"},
		{broker.ErrEntityExists, 409, "Conflict"},
		{broker.ErrEntityInUse, 409, "Conflict"},
		{broker.ErrNamespaceNotFound, 404, "NotFound"},
		{broker.ErrEntityNotFound, 404, "NotFound"},
		{broker.ErrEntityDeleted, 404, "NotFound"},
		{broker.ErrNotReceivable, 404, "NotFound"},
		{broker.ErrRuleNotFound, 404, "NotFound"},
		{broker.ErrClosed, 503, "ServiceUnavailable"},
		{auth.ErrRuleNotFound, 404, "NotFound"},
		{auth.ErrTooManyRules, 400, "BadRequest"},
		{auth.ErrInvalidRule, 400, "BadRequest"},
	} {
		var e *arm.Error
		if err := p.fail(r, fmt.Errorf("put something: %w", c.err)); !errors.As(err, &e) || e.Status != c.status || e.Code != c.code {
			t.Errorf("%v: got %v, want %d %s", c.err, err, c.status, c.code)
		}
	}
	unknown := errors.New("disk on fire")
	if err := p.fail(r, unknown); err != unknown {
		t.Errorf("an unknown error is told to clients: %v", err)
	}
}

type fixedClock struct{}

func (fixedClock) Now() time.Time { return time.Time{} }
