package datafactoryrp

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"switchyard/arm"
)

// listPage is how many resources of a list one answer has.
const listPage = 100

// A listing is a list of resources by their names, ignoring case. What comes behind a page is told
// by the last name of it: nothing is left out or shown twice when others are deleted or created
// meanwhile, as by a client that deletes what it goes through.
type listing []listed

type listed struct {
	key  string
	text []byte
}

func (l *listing) add(name string, text []byte) {
	*l = append(*l, listed{strings.ToLower(name), text})
}

// behind returns the page behind a name as the text of an array, and the token of the next page,
// "" after the last.
func (l listing) behind(token string) (array []byte, next string, err error) {
	slices.SortFunc(l, func(a, b listed) int { return strings.Compare(a.key, b.key) })
	from := 0
	if token != "" {
		last, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", err
		}
		from, _ = slices.BinarySearchFunc(l, string(last)+"\x00", func(x listed, key string) int { return strings.Compare(x.key, key) })
	}
	to := min(from+listPage, len(l))
	array = []byte{'['}
	for i, x := range l[from:to] {
		if i > 0 {
			array = append(array, ',')
		}
		array = append(array, x.text...)
	}
	if to < len(l) {
		next = base64.RawURLEncoding.EncodeToString([]byte(l[to-1].key))
	}
	return append(array, ']'), next, nil
}

// page answers a list in pages, as [arm.Request.Page] does, with texts.
func (l listing) page(r *arm.Request) (*arm.Response, error) {
	array, next, err := l.behind(r.Param("$skiptoken"))
	if err != nil {
		return nil, arm.BadRequest("$skiptoken is not one that was handed out")
	}
	var o object
	o.raw("value", array)
	if next != "" {
		query := url.Values{}
		for name, v := range r.Query {
			if !equalFold(name, "$skiptoken") {
				query[name] = v
			}
		}
		query.Set("$skiptoken", next)
		o.set("nextLink", r.BaseURL+r.Path+"?"+query.Encode())
	}
	return reply(o.end()), nil
}
