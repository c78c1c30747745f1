package pipeline

import (
	"math"
	"strconv"
	"strings"

	"switchyard/value"
)

// webProperties are the typeProperties of a Web activity [ENGINE 5.15]; the
// activity refuses others when it runs.
var webProperties = []string{"method", "url", "headers", "body", "authentication", "httpRequestTimeout", "turnOffAsync", "disableCertValidation", "datasets", "linkedServices", "connectVia"}

var webMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// constants checks what stands in the definition as it is: an activity that can
// only fail is told before it runs.
func (v *validator) constants(a *Activity) {
	at := a.Path + ".typeProperties"
	switch {
	case a.Is("Wait"):
		raw, _ := a.TypeProperties.Lookup("waitTimeInSeconds")
		if raw != nil && !isExpression(raw) && !isWaitTime(raw) {
			v.errorf(at+".waitTimeInSeconds", "is %s, want an integer from 1 to %d", value.Append(nil, raw), math.MaxInt32)
		}
	case a.Is("WebActivity"):
		for _, m := range a.TypeProperties.Members() {
			if !containsFold(webProperties, m.Name) {
				v.unsupported(at+"."+m.Name, "is not a property of this type")
			}
		}
		if raw, _ := a.TypeProperties.Lookup("method"); raw != nil && !isExpression(raw) {
			if s, ok := raw.(string); !ok || !containsFold(webMethods, s) {
				v.errorf(at+".method", "is %s, want one of %s", value.Append(nil, raw), strings.Join(webMethods, ", "))
			}
		}
		if raw, _ := a.TypeProperties.Lookup("url"); raw != nil && !isExpression(raw) {
			if _, ok := raw.(string); !ok {
				v.errorf(at+".url", "is %s, want text", kindOf(raw))
			}
		}
	case a.Switch != nil:
		seen := map[string]bool{}
		for i, c := range a.Switch.Cases {
			if seen[c.Value] {
				v.warnf(index(at+".cases", i)+".value", "another case before has the value %q: this one is never chosen", c.Value)
			}
			seen[c.Value] = true
		}
	}
}

// isWaitTime tells what a Wait activity takes when it runs [ENGINE 5.6].
func isWaitTime(v value.Value) bool {
	n := 0.0
	switch x := v.(type) {
	case int64:
		n = float64(x)
	case float64:
		n = x
	case string:
		i, err := strconv.ParseInt(strings.TrimSpace(x), 10, 64)
		if err != nil {
			return false
		}
		n = float64(i)
	}
	return n >= 1 && n <= math.MaxInt32 && n == math.Trunc(n)
}
