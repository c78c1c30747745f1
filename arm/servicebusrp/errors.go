package servicebusrp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/clock"
)

// failure maps an error of another package to what a client is told: the one place
// where that is decided.
type failure struct {
	err     error
	status  int
	code    string
	subCode int
}

// failures is in the order in which it is searched.
var failures = []failure{
	{broker.ErrNoDestination, http.StatusBadRequest, "BadRequest", 40400},
	{broker.ErrForwarded, http.StatusBadRequest, "BadRequest", 40000},
	{broker.ErrNotSupported, http.StatusBadRequest, "BadRequest", 40000},
	{broker.ErrNotAllowed, http.StatusBadRequest, "BadRequest", 40000},
	{broker.ErrInvalidArgument, http.StatusBadRequest, "BadRequest", 40000},
	{broker.ErrQuotaExceeded, http.StatusForbidden, "QuotaExceeded", 40300},
	{broker.ErrEntityExists, http.StatusConflict, "Conflict", 40901},
	{broker.ErrEntityInUse, http.StatusConflict, "Conflict", 40900},
	{broker.ErrNamespaceNotFound, http.StatusNotFound, "NotFound", 40400},
	{broker.ErrEntityNotFound, http.StatusNotFound, "NotFound", 40400},
	{broker.ErrEntityDeleted, http.StatusNotFound, "NotFound", 40400},
	{broker.ErrRuleNotFound, http.StatusNotFound, "NotFound", 40400},
	{broker.ErrNotReceivable, http.StatusNotFound, "NotFound", 40400}, // a topic where a queue is asked for
	{broker.ErrClosed, http.StatusServiceUnavailable, "ServiceUnavailable", 50300},
	{auth.ErrRuleNotFound, http.StatusNotFound, "NotFound", 40400},
	{auth.ErrTooManyRules, http.StatusBadRequest, "BadRequest", 40000},
	{auth.ErrInvalidRule, http.StatusBadRequest, "BadRequest", 40000},
}

// fail makes the answer for an error of the broker or of auth. Any other is
// returned as it is.
func (p *Provider) fail(r *arm.Request, err error) error {
	var own *arm.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return p.failf(r, f.status, f.code, f.subCode, "%s", sentence(err.Error()))
		}
	}
	return err
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// failf makes an error with what Service Bus adds to its messages [ARM 3].
func (p *Provider) failf(r *arm.Request, status int, code string, subCode int, format string,
	a ...any) *arm.Error {
	return arm.Errorf(status, code, "%s. SubCode=%d. TrackingId:%s, SystemTracker:%s, Timestamp:%s",
		strings.TrimSuffix(fmt.Sprintf(format, a...), "."), subCode, r.RequestID, tracker(r),
		arm.FormatTime(clock.ShownNow(p.o.Clock)))
}

// tracker names what a request is about, as Service Bus does.
func tracker(r *arm.Request) string {
	if len(r.ID.Names) == 0 {
		return Namespace
	}
	return strings.Join(append([]string{r.ID.Names[0] + ".servicebus.windows.net"}, r.ID.Names[1:]...), ":")
}

// refused is the answer to what Service Bus would refuse, or we don't have.
func (p *Provider) refused(r *arm.Request, format string, a ...any) *arm.Error {
	return p.failf(r, http.StatusBadRequest, "BadRequest", 40000, format, a...)
}

// notFound is the answer for something in a namespace that is not there.
func (p *Provider) notFound(r *arm.Request) *arm.Error {
	return p.failf(r, http.StatusNotFound, "NotFound", 40400,
		"The requested resource %s does not exist", strings.TrimPrefix(r.ID.Path(), Namespace+"/"))
}

// parentError is what a request for something in a missing resource is told.
func parentError(r *arm.Request, parent arm.ResourceID, err error) error {
	if !errors.Is(err, arm.ErrNotFound) && !errors.Is(err, broker.ErrEntityNotFound) &&
		!errors.Is(err, broker.ErrNotReceivable) {
		return err
	}
	if r.Method == http.MethodDelete || r.Method == http.MethodGet && !r.Collection {
		return arm.ResourceNotFound(parent)
	}
	return arm.ParentNotFound(parent)
}
