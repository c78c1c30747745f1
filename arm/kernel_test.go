package arm_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"switchyard/arm"
	"switchyard/arm/armtest"
	"switchyard/arm/resourcesrp"
	"switchyard/value"
)

const (
	tenant = "72f988bf-0000-4000-8000-2d7cd011db47"
	sub    = "/subscriptions/11111111-2222-4333-8444-555555555555"
	widget = sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/w"
	v      = "?api-version=2024-01-01"
)

// widgets answers with what the kernel gave it.
type widgets struct {
	last   *arm.Request
	answer func(*arm.Request) (*arm.Response, error) // in place of its own, unless nil
}

func (p *widgets) Namespace() string { return "Contoso.Widgets" }

func (p *widgets) Types() []arm.TypeInfo {
	return []arm.TypeInfo{{Type: "widgets", Tracked: true}, {Type: "widgets/PartLists"}}
}

func (p *widgets) DeleteGroup(context.Context, string, string) error { return nil }
func (p *widgets) GroupResources(string, string) []*value.Object     { return nil }
func (p *widgets) Handle(_ context.Context, r *arm.Request) (*arm.Response, error) {
	p.last = r
	if p.answer != nil {
		return p.answer(r)
	}
	switch r.Action {
	case "panic":
		panic("a widget broke")
	case "fail":
		return nil, errors.New("a secret of the widget")
	case "nothing":
		return nil, nil
	case "busy":
		return nil, &arm.Error{Status: 429, Code: "TooManyRequests", Message: "Slow down.", Header: http.Header{"Retry-After": {"7"}}}
	case "pages":
		var items []*value.Object
		for i := range 5 {
			items = append(items, value.NewObject(value.Member{Name: "n", Value: int64(i)}))
		}
		return r.Page(items, 2)
	}
	const etag = `"0a"`
	if err := r.Precondition(r.ID.Name() == "w", etag); err != nil {
		return nil, err
	}
	if r.NotModified(etag) {
		return &arm.Response{Status: http.StatusNotModified}, nil
	}
	return &arm.Response{Status: 200, Body: value.NewObject(value.Member{Name: "id", Value: r.ID.String()}), Header: http.Header{"ETag": {etag}}}, nil
}

func newKernel(t *testing.T, change func(*arm.Options)) (*arm.Kernel, *widgets) {
	t.Helper()
	store, log, clock := armtest.NewStore(), &armtest.Log{}, armtest.NewClock()
	rp, err := resourcesrp.New(resourcesrp.Options{Store: store, Log: log, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	w := &widgets{}
	o := arm.Options{
		Store: store, Log: log, Clock: clock, Rand: armtest.NewRand(1), Providers: append([]arm.Provider{w}, rp.Providers()...),
		Authenticate: func(r *http.Request) (arm.Caller, error) {
			switch r.Header.Get("Authorization") {
			case "Bearer bad":
				return arm.Caller{}, errors.New("signed by a \"stranger\"")
			case "Bearer old":
				return arm.Caller{}, arm.Errorf(401, "ExpiredAuthenticationToken", "The access token expired.")
			}
			return arm.Caller{ObjectID: "me"}, nil
		},
		TenantID: tenant,
	}
	if change != nil {
		change(&o)
	}
	k, err := arm.NewKernel(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	if w := do(k, "PUT", sub+"/resourceGroups/rg"+v, `{"location":"westeurope"}`); w.Code != 201 {
		t.Fatalf("create group: %s", armtest.Describe(w))
	}
	return k, w
}

func do(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "https://"+armtest.Host+path, content)
	r.Header.Set("Authorization", "Bearer good")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func want(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	if w.Code != status || w.Header().Get("x-ms-error-code") != code {
		t.Errorf("got\n%s\nwant %d %s", armtest.Describe(w), status, code)
	}
}

// TestPaths covers [ARM 1.3, 1.4]: what of a path matters and what does not.
func TestPaths(t *testing.T) {
	k, p := newKernel(t, nil)
	const id = widget + "/PartLists/p"
	for _, c := range []struct{ method, path, id, action string }{
		{"GET", id, id, ""},
		{"GET", strings.ToUpper(sub) + "/resourcegroups/RG/Providers/contoso.widgets/WIDGETS/w/partlists/p", id, ""},
		{"GET", strings.Replace(id, "/Contoso.Widgets/", "//Contoso.Widgets///", 1) + "//", id, ""},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/w/PartLists/p%2Fq", widget + "/PartLists/p~q", ""},
		{"GET", widget + "/PartLists", widget + "/PartLists", ""},
		{"GET", sub + "/providers/Contoso.Widgets/widgets", sub + "/providers/Contoso.Widgets/widgets", ""},
		{"POST", widget + "/ListKeys/", widget, "listkeys"},
		{"POST", sub + "/providers/Contoso.Widgets/CheckNameAvailability", sub + "/providers/Contoso.Widgets", "checknameavailability"},
		{"GET", "/providers/Contoso.Widgets/operations", "/providers/Contoso.Widgets/operations", ""},
		{"GET", widget + "/providers/Contoso.Widgets/widgets/inner", widget + "/providers/Contoso.Widgets/widgets/inner", ""},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/providers/PartLists/register", sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/providers/PartLists/register", ""},
	} {
		p.last = nil
		w := do(k, c.method, c.path+v, "")
		if p.last == nil {
			t.Errorf("%s %s: the provider was not asked: %s", c.method, c.path, armtest.Describe(w))
			continue
		}
		if got := p.last.ID.String(); got != c.id || p.last.Action != c.action {
			t.Errorf("%s %s: got ID %s, action %q, want %s, %q", c.method, c.path, got, p.last.Action, c.id, c.action)
		}
	}
}

// TestRefusals are requests that no provider sees.
func TestRefusals(t *testing.T) {
	k, p := newKernel(t, nil)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", widget, "", 400, "MissingApiVersionParameter"},
		{"GET", widget + "?api-version=", "", 400, "MissingApiVersionParameter"},
		{"GET", widget + "?api-version=2024-13-01", "", 400, "InvalidApiVersionParameter"},
		{"GET", widget + "?api-version=2024-01-01-", "", 400, "InvalidApiVersionParameter"},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/.." + v, "", 400, "InvalidRequestUri"},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/%2E%2e" + v, "", 400, "InvalidRequestUri"},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/a%2F..%2Fb" + v, "", 400, "InvalidRequestUri"},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/a%00" + v, "", 400, "InvalidRequestUri"},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Widgets/widgets/a%5Cb" + v, "", 400, "InvalidRequestUri"},
		{"GET", sub + "/providers/A.B/providers/Contoso.Widgets/widgets/w" + v, "", 400, "InvalidRequestUri"},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Wodgets/widgets/w" + v, "", 404, "InvalidResourceNamespace"},
		{"GET", sub + "/resourceGroups/rg/providers/Contoso.Widgets/gadgets/w" + v, "", 404, "InvalidResourceType"},
		{"GET", widget + "/PartLists/p/screws/s" + v, "", 404, "InvalidResourceType"},
		{"GET", sub + "/resourceGroups/gone/providers/Contoso.Widgets/widgets/w" + v, "", 404, "ResourceGroupNotFound"},
		{"PUT", sub + "/resourceGroups/gone/providers/Contoso.Widgets/widgets/w" + v, `{"location":"westeurope"}`, 404, "ResourceGroupNotFound"},
		{"PUT", widget + v, `{}`, 400, "LocationRequired"},
		{"PUT", widget + v, ``, 400, "LocationRequired"},
		{"PUT", widget + v, `{"location":"atlantis"}`, 400, "LocationNotAvailableForResourceType"},
		{"PUT", widget + v, `{"location":`, 400, "InvalidRequestContent"},
		{"PUT", widget + v, `"location"`, 400, "InvalidRequestContent"},
		{"PUT", widget + v, "{\"location\":\"\xff\"}", 400, "InvalidRequestContent"},
		{"PUT", widget + v, strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500), 400, "InvalidRequestContent"},
		{"PUT", widget + "/PartLists" + v, "", 405, "MethodNotAllowed"},
		{"TRACE", widget + v, "", 405, "MethodNotAllowed"},
	} {
		p.last = nil
		w := do(k, c.method, c.path, c.body)
		if w.Code != c.status || w.Header().Get("x-ms-error-code") != c.code || p.last != nil {
			t.Errorf("%s %s %.60s: got (provider asked: %t)\n%s\nwant %d %s", c.method, c.path, c.body, p.last != nil, armtest.Describe(w), c.status, c.code)
		}
	}
}

// endless is a body that never ends; it counts what was read of it.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += int64(len(p))
	return len(p), nil
}

func TestLargeBodies(t *testing.T) {
	k, p := newKernel(t, nil)
	for _, length := range []int64{50 << 20, -1} {
		p.last = nil
		body := &endless{}
		r := httptest.NewRequest("PUT", "https://"+armtest.Host+widget+v, io.LimitReader(body, 50<<20))
		r.ContentLength = length
		r.Header.Set("Authorization", "Bearer good")
		w := httptest.NewRecorder()
		k.ServeHTTP(w, r)
		want(t, w, 413, "RequestEntityTooLarge")
		if body.read > 5<<20 || p.last != nil {
			t.Errorf("Content-Length %d: %d bytes were read, provider asked: %t", length, body.read, p.last != nil)
		}
	}
	body := &endless{}
	r := httptest.NewRequest("PUT", "https://"+armtest.Host+widget+v, body)
	r.Header.Set("Authorization", "Bearer good")
	w := httptest.NewRecorder()
	k.ServeHTTP(w, r)
	want(t, w, 413, "RequestEntityTooLarge")
	if body.read > 5<<20 {
		t.Errorf("of an endless body %d bytes were read", body.read)
	}
	if w := do(k, "PUT", widget+v, `{"location":"westeurope","x":"`+strings.Repeat("a", 3<<20)+`"}`); w.Code != 200 {
		t.Errorf("3 MiB: got %d, want 200", w.Code)
	}
}

// TestHeaders covers [ARM 1.8].
func TestHeaders(t *testing.T) {
	k, _ := newKernel(t, nil)
	guid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	const correlation = "AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	h := do(k, "GET", widget+v, "", "x-ms-correlation-request-id", correlation, "x-ms-client-request-id", "mine", "x-ms-return-client-request-id", "true").Header()
	for name, want := range map[string]string{
		"Content-Type":                "application/json; charset=utf-8",
		"Cache-Control":               "no-cache",
		"x-ms-correlation-request-id": correlation,
		"x-ms-client-request-id":      "mine",
		"Date":                        "Fri, 02 Jan 2026 03:04:05 GMT",
		"ETag":                        `"0a"`,
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	id := h.Get("x-ms-request-id")
	if !guid.MatchString(id) || !strings.HasSuffix(h.Get("x-ms-routing-request-id"), id) {
		t.Errorf("x-ms-request-id %q, x-ms-routing-request-id %q: want a GUID in both", id, h.Get("x-ms-routing-request-id"))
	}
	h = do(k, "GET", widget+v, "", "x-ms-correlation-request-id", "no GUID", "x-ms-client-request-id", "mine").Header()
	if got := h.Get("x-ms-correlation-request-id"); got != h.Get("x-ms-request-id") {
		t.Errorf("correlation of a request without a good one: got %q, want the request's own %q", got, h.Get("x-ms-request-id"))
	}
	if got := h.Get("x-ms-client-request-id"); got != "" {
		t.Errorf("x-ms-client-request-id that nobody asked for: %q", got)
	}
}

// TestAuthentication covers [ARM 1.12].
func TestAuthentication(t *testing.T) {
	k, p := newKernel(t, nil)
	for authorization, code := range map[string]string{
		"":           "AuthenticationFailed",
		"Bearer bad": "InvalidAuthenticationToken",
		"Bearer old": "ExpiredAuthenticationToken",
	} {
		p.last = nil
		w := do(k, "GET", widget+v, "", "Authorization", authorization)
		want(t, w, 401, code)
		if h := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(h, `Bearer authorization_uri="https://`+armtest.Host+"/"+tenant+`", error="invalid_token"`) || strings.Count(h, `"`) != 6 {
			t.Errorf("Authorization %q: WWW-Authenticate: %s", authorization, h)
		}
		if p.last != nil {
			t.Errorf("Authorization %q: the provider was asked", authorization)
		}
	}
	if do(k, "GET", widget+v, ""); p.last.Caller.ObjectID != "me" {
		t.Errorf("the provider was told the caller %+v", p.last.Caller)
	}
}

// TestContained: what a provider does wrong ends its request only, and is not told
// to the client.
func TestContained(t *testing.T) {
	k, _ := newKernel(t, nil)
	for _, action := range []string{"panic", "fail", "nothing"} {
		w := do(k, "POST", widget+"/"+action+v, "")
		want(t, w, 500, "InternalServerError")
		if body := w.Body.String(); strings.Contains(body, "widget") || !strings.Contains(body, w.Header().Get("x-ms-request-id")) {
			t.Errorf("%s: the client was told %s", action, body)
		}
	}
	w := do(k, "POST", widget+"/busy"+v, "")
	want(t, w, 429, "TooManyRequests")
	if w.Header().Get("Retry-After") != "7" {
		t.Errorf("an error's own headers: got %v", w.Header())
	}
}

func TestPreconditions(t *testing.T) {
	k, _ := newKernel(t, nil)
	const body = `{"location":"westeurope"}`
	for _, c := range []struct {
		method, path, header, value string
		status                      int
	}{
		{"PUT", widget, "If-Match", "*", 200},
		{"PUT", widget, "If-Match", `"0a"`, 200},
		{"PUT", widget, "If-Match", `0a`, 200},
		{"PUT", widget, "If-Match", `"0b", W/"0a"`, 200},
		{"PUT", widget, "If-Match", `"0b"`, 412},
		{"PUT", widget + "2", "If-Match", "*", 412},
		{"PUT", widget, "If-None-Match", "*", 412},
		{"PUT", widget + "2", "If-None-Match", "*", 200},
		{"DELETE", widget, "If-Match", `"0b"`, 412},
		{"GET", widget, "If-None-Match", `"0a"`, 304},
		{"GET", widget, "If-None-Match", `"0b"`, 200},
	} {
		if w := do(k, c.method, c.path+v, body, c.header, c.value); w.Code != c.status {
			t.Errorf("%s %s, %s: %s: got\n%s\nwant %d", c.method, c.path, c.header, c.value, armtest.Describe(w), c.status)
		}
	}
}

// TestPages covers [ARM 1.11]: links with the client's own scheme and host, and
// none on the last page.
func TestPages(t *testing.T) {
	k, _ := newKernel(t, func(o *arm.Options) { o.TrustForwarded = true })
	for _, c := range []struct {
		path, forwarded string
		pages           string
	}{
		{widget + "/pages" + v, "", "01 23 4"},
		{widget + "/pages" + v + "&$top=3", "", "01 2"},
		{widget + "/pages" + v + "&$skip=1&$top=3", "proxy.test", "12 3"},
		{widget + "/pages" + v + "&$skip=9", "", ""},
		{widget + "/pages" + v + "&%24top=0", "", ""},
	} {
		host := armtest.Host
		if c.forwarded != "" {
			host = c.forwarded
		}
		var pages []string
		for path := c.path; path != ""; {
			w := do(k, "POST", path, "", "X-Forwarded-Host", c.forwarded, "X-Forwarded-Proto", "https")
			o, err := value.Parse(w.Body.Bytes())
			if err != nil || w.Code != 200 {
				t.Fatalf("%s: %v\n%s", path, err, armtest.Describe(w))
			}
			val, _ := o.(*value.Object).Get("value")
			page := ""
			for _, x := range val.(value.Array) {
				n, _ := x.(*value.Object).Get("n")
				page += value.Text(n)
			}
			pages = append(pages, page)
			next, _ := o.(*value.Object).Get("nextLink")
			link, _ := next.(string)
			rest, ok := strings.CutPrefix(link, "https://"+host)
			if !ok && link != "" {
				t.Errorf("%s: nextLink %s, want one of host %s", path, link, host)
			}
			path = rest
		}
		if got := strings.Join(pages, " "); got != c.pages {
			t.Errorf("%s: pages %q, want %q", c.path, got, c.pages)
		}
	}
}

// TestOperationDelay shows the sequence of [ARM 2] that a slow service has.
func TestOperationDelay(t *testing.T) {
	clock := armtest.NewClock()
	k, _ := newKernel(t, func(o *arm.Options) { o.OperationDelay, o.Clock = 30*time.Second, clock })
	w := do(k, "DELETE", sub+"/resourceGroups/rg"+v, "")
	if w.Code != 202 || w.Header().Get("Retry-After") != "" {
		t.Fatalf("DELETE: got\n%s\nwant 202 without Retry-After", armtest.Describe(w))
	}
	poll := strings.TrimPrefix(w.Header().Get("Location"), "https://"+armtest.Host)
	if w = do(k, "GET", poll, ""); w.Code != 202 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Location") == "" {
		t.Errorf("first poll: got\n%s\nwant 202 with Retry-After: 1 and Location", armtest.Describe(w))
	}
	clock.Advance(time.Minute)
	if w = do(k, "GET", poll, ""); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("poll after the delay: got\n%s\nwant 200 without a body", armtest.Describe(w))
	}
	other := strings.Replace(poll, "11111111", "22222222", 1)
	want(t, do(k, "GET", other, ""), 404, "NotFound")
	clock.Advance(25 * time.Hour)
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	want(t, do(k, "GET", poll, ""), 404, "NotFound")
}
