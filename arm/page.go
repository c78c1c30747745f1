package arm

import (
	"net/http"
	"net/url"
	"strconv"

	"switchyard/value"
)

// PageSize is how many items of a list one answer has, as in Service Bus
// [ARM 1.11].
const PageSize = 100

// Page answers a list, {"value":[…],"nextLink":…}, in pages of size items. It
// honours $skip and $top: $top bounds the whole list, not a page. The link to the
// next page, left out on the last, is this request's own URL with a $skiptoken.
func (r *Request) Page(items []*value.Object, size int) (*Response, error) {
	return PageOf(r, items, size, func(o *value.Object) *value.Object { return o })
}

// PageOf is [Request.Page] for a list of which only the items of one page are
// made into objects.
func PageOf[T any](r *Request, items []T, size int, object func(T) *value.Object) (*Response, error) {
	skip, _, err := r.count("$skip")
	if err != nil {
		return nil, err
	}
	end := len(items)
	top, bounded, err := r.count("$top")
	if err != nil {
		return nil, err
	}
	if bounded && top < end-skip {
		end = skip + top
	}
	from, continued, err := r.count("$skiptoken")
	if err != nil {
		return nil, err
	}
	if !continued {
		from = skip
	}
	from = min(from, end)
	to := min(from+size, end)
	val := make(value.Array, 0, to-from)
	for _, item := range items[from:to] {
		val = append(val, object(item))
	}
	body := value.NewObject(value.Member{Name: "value", Value: val})
	if to < end {
		q := url.Values{}
		for name, v := range r.Query {
			q[name] = v
		}
		q.Set("$skiptoken", strconv.Itoa(to))
		body.Set("nextLink", r.BaseURL+r.Path+"?"+q.Encode())
	}
	return OK(body), nil
}

func (r *Request) count(name string) (n int, given bool, err error) {
	s := r.Param(name)
	if s == "" {
		return 0, false, nil
	}
	v, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, false, Errorf(http.StatusBadRequest, "InvalidQueryParameterValue",
			"The value '%s' of the query parameter '%s' is not a whole number.", clip(s), name)
	}
	return int(v), true, nil
}

// List answers a whole list in one page.
func List(items ...*value.Object) *Response {
	val := make(value.Array, 0, len(items))
	for _, item := range items {
		val = append(val, item)
	}
	return OK(value.NewObject(value.Member{Name: "value", Value: val}))
}
