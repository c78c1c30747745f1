package activity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// callBackMember is the member of a WebHook's body that says where to call back.
const callBackMember = "callBackUri"

// Call makes the call of a WebHook activity [ENGINE 5.16]. When it is answered with a
// success the attempt waits to be called back.
func (w *Web) Call(ctx context.Context, c *Call) Result {
	h := &holding{room: w.o.Room, values: w.o.Values, yield: c.Yield}
	defer h.let()
	r, fail := parseWebHook(c)
	if fail != nil {
		return Result{Err: fail}
	}
	resp, fail := w.exchange(ctx, c, r, h)
	if fail != nil {
		return Result{Err: fail}
	}
	if !resp.success() {
		if err := h.parse(ctx, resp.body); err != nil {
			return Result{Err: noAnswer(err)}
		}
		return Result{Err: endpointError(r.url, resp)}
	}
	return Result{Waits: true}
}

// parseWebHook reads the typeProperties of a WebHook activity.
func parseWebHook(c *Call) (*webRequest, *Error) {
	in := open(c, pipeline.WebHook)
	r := newWebRequest(in, c)
	r.async = true
	r.setCallBack(in, c.CallBackURI)
	in.Ignore("timeout") // the run's
	in.boolean(reportsStatus)
	return r, in.end()
}

// setCallBack makes the body, to which it adds where to call back.
func (r *webRequest) setCallBack(in *input, uri string) {
	body := &value.Object{}
	v, _ := in.Value("body")
	if s, isText := v.(string); isText && strings.TrimSpace(s) != "" {
		v, _ = value.Parse([]byte(s))
	} else if isText {
		v = nil
	}
	if o, isObject := v.(*value.Object); isObject {
		body = o.Clone()
	} else if v, given := in.Value("body"); given && v != nil && v != value.Value("") {
		in.invalid("The body of a WebHook activity must be a JSON object, to which '%s' is added.", callBackMember)
		return
	}
	if uri == "" {
		in.refuse("A WebHook activity is not supported here: this process can't be called back.")
		return
	}
	body.Set(callBackMember, uri)
	b := value.Append(nil, body)
	r.body = func() io.Reader { return bytes.NewReader(b) }
	if r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", "application/json")
	}
}

const reportsStatus = "reportStatusOnCallBack"

// ReportsStatus reports whether the input of a WebHook activity says that who calls back
// tells how the activity ends. What is no boolean does not: the call fails by it.
func ReportsStatus(in *value.Object) bool {
	v, _ := in.Lookup(reportsStatus)
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	}
	return false
}

// ErrCallBack is wrapped by the errors of [CalledBack].
var ErrCallBack = errors.New("the callback can't be used")

// codeCalledBack is the error code of an activity whose callback reports a failure and no
// code.
const codeCalledBack = "CallbackReportedFailure"

// maxErrorCode bounds how much of the error code of a callback is kept.
const maxErrorCode = 256

// CalledBack is how an attempt ends that is called back with a body; reports says whether
// the body tells it. Of a body that does, other members than the three count for nothing.
func CalledBack(body value.Value, reports bool) (output value.Value, fail *Error, err error) {
	if !reports {
		return body, nil, nil
	}
	o, ok := body.(*value.Object)
	if !ok {
		return nil, nil, callBackError("it must be an object with Output, Error and StatusCode")
	}
	if output, _ = o.Lookup("Output"); output == nil {
		output = &value.Object{}
	}
	code, _ := o.Lookup("StatusCode")
	status, ok := statusCode(code)
	switch {
	case !ok:
		return nil, nil, callBackError("its StatusCode is no status code")
	case status < http.StatusBadRequest:
		return output, nil, nil
	}
	reported, _ := o.Lookup("Error")
	e, ok := reported.(*value.Object)
	if reported != nil && !ok {
		return nil, nil, callBackError("its Error must be an object with ErrorCode and Message")
	}
	fail = failf(codeCalledBack, "The callback reports the status code '%d'.", status)
	if v, _ := e.Lookup("ErrorCode"); v != nil {
		fail.Code = shortened(value.Text(v), maxErrorCode)
	}
	if v, _ := e.Lookup("Message"); v != nil {
		fail.Message = shortened(value.Text(v), maxErrorObject)
	}
	return output, fail, nil
}

func callBackError(why string) error { return fmt.Errorf("%w: %s", ErrCallBack, why) }

// statusCode reads a number or its text. One that is not there is a success.
func statusCode(v value.Value) (int, bool) {
	switch v := v.(type) {
	case nil:
		return http.StatusOK, true
	case int64:
		return int(v), v >= 100 && v <= 999
	case float64:
		return int(v), v == math.Trunc(v) && v >= 100 && v <= 999
	case string:
		n, err := strconv.Atoi(strings.TrimSpace(v))
		return n, err == nil && n >= 100 && n <= 999
	}
	return 0, false
}
