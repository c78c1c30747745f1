package arm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"switchyard/arm"
	"switchyard/arm/armtest"
	"switchyard/arm/resourcesrp"
	"switchyard/memory"
	"switchyard/value"
)

// TestHead: HEAD asks whether something is there. 204 says that it is [ARM 5.2];
// an error has its headers and no body.
func TestHead(t *testing.T) {
	k, p := newKernel(t, nil)
	w := do(k, "HEAD", widget+v, "")
	if w.Code != 204 || w.Body.Len() > 0 || w.Header().Get("ETag") != `"0a"` || w.Header().Get("Content-Length") != "" || p.last.Method != "GET" {
		t.Errorf("HEAD of a resource (the provider saw %s): got\n%s\nwant 204, its headers and no body", p.last.Method, armtest.Describe(w))
	}
	if w := do(k, "HEAD", sub+"/resourceGroups/RG"+v, ""); w.Code != 204 || w.Body.Len() > 0 {
		t.Errorf("HEAD of a group: got\n%s\nwant 204", armtest.Describe(w))
	}
	for path, code := range map[string]string{
		sub + "/resourceGroups/gone" + v:                                     "ResourceGroupNotFound",
		sub + "/resourceGroups/gone/providers/Contoso.Widgets/widgets/w" + v: "ResourceGroupNotFound",
		sub + "/resourceGroups/rg/providers/Contoso.Widgets/gadgets/w" + v:   "InvalidResourceType",
	} {
		w := do(k, "HEAD", path, "")
		want(t, w, 404, code)
		if w.Body.Len() > 0 {
			t.Errorf("HEAD %s has a body: %s", path, w.Body)
		}
	}
	if w := do(k, "HEAD", widget+v, "", "If-None-Match", `"0a"`); w.Code != 304 || w.Header().Get("Content-Length") != "" {
		t.Errorf("HEAD with the tag that it has: got\n%s\nwant 304", armtest.Describe(w))
	}
}

// TestBodies covers [ARM 1.7]: what counts as a body and what as none; that a
// client names another content type, or none, does not matter.
func TestBodies(t *testing.T) {
	k, p := newKernel(t, nil)
	for _, c := range []struct{ name, body, want string }{
		{"object", ` {"b":2,"a":1.0} `, `{"b":2,"a":1.0}`},
		{"byte order mark", "\ufeff{\"a\":1}", `{"a":1}`},
		{"null", "null", "none"},
		{"blanks", " \r\n\t", "none"},
		{"byte order mark alone", "\ufeff", "none"},
		{"empty object", "{}", "{}"},
		{"two documents", `{} {}`, ""},
		{"array", "[]", ""},
		{"number", "5", ""},
		{"false", "false", ""},
		{"comma too many", `{"a":1,}`, ""},
		{"comment", `{/* no */}`, ""},
		{"single quotes", `{'a':1}`, ""},
		{"bare NUL", "{\"a\":\"\x00\"}", ""},
		{"UTF-16", "\xff\xfe{\x00}\x00", ""},
	} {
		for _, contentType := range []string{"", "application/json", "text/plain", "nonsense/"} {
			p.last = nil
			w := do(k, "POST", widget+"/act"+v, c.body, "Content-Type", contentType)
			switch {
			case p.last == nil && (w.Code != 400 || w.Header().Get("x-ms-error-code") != "InvalidRequestContent"):
				t.Errorf("%s as %q: got\n%s", c.name, contentType, armtest.Describe(w))
			case p.last == nil && c.want != "" || p.last != nil && c.want == "":
				t.Errorf("%s as %q: the provider was asked: %t; want %q", c.name, contentType, p.last != nil, c.want)
			case p.last != nil:
				got := "none"
				if p.last.Body != nil {
					got = string(value.Append(nil, p.last.Body))
				}
				if got != c.want || string(p.last.RawBody) != c.body {
					t.Errorf("%s as %q: the provider was given %s, raw %q; want %s, %q", c.name, contentType, got, p.last.RawBody, c.want, c.body)
				}
			}
		}
	}
	// A GET's body is not read: some clients send one that is no JSON.
	if w := do(k, "GET", widget+v, "{"); w.Code != 200 {
		t.Errorf("GET with a body: got\n%s\nwant 200", armtest.Describe(w))
	}
}

// broken is a body whose connection breaks.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestBodyBreaks: half a body is not taken for a whole one, and one that is at the
// limit to the byte is not refused.
func TestBodyBreaks(t *testing.T) {
	k, p := newKernel(t, func(o *arm.Options) { o.MaxBody = 40 })
	p.last = nil
	r := httptest.NewRequest("POST", "https://"+armtest.Host+widget+"/act"+v, io.MultiReader(strings.NewReader("{}"), broken{}))
	r.Header.Set("Authorization", "Bearer good")
	w := httptest.NewRecorder()
	k.ServeHTTP(w, r)
	want(t, w, 400, "InvalidRequestContent")
	if p.last != nil {
		t.Error("the provider was asked")
	}
	for length, status := range map[int]int{39: 200, 40: 200, 41: 413} {
		body := `{"a":"` + strings.Repeat("x", length-8) + `"}`
		for _, known := range []bool{true, false} {
			r := httptest.NewRequest("POST", "https://"+armtest.Host+widget+"/act"+v, strings.NewReader(body))
			if !known {
				r.ContentLength = -1
			}
			r.Header.Set("Authorization", "Bearer good")
			w := httptest.NewRecorder()
			k.ServeHTTP(w, r)
			if w.Code != status {
				t.Errorf("%d bytes of 40, length told: %t: got %d, want %d", length, known, w.Code, status)
			}
		}
	}
}

// TestErrorEnvelope covers [ARM 3]: the shape of every kind of error, with its
// code in the header as well, and what is not there left out.
func TestErrorEnvelope(t *testing.T) {
	id, err := arm.ParseID(widget + "/PartLists/p")
	if err != nil {
		t.Fatal(err)
	}
	tenantID, err := arm.ParseID("/providers/Microsoft.Authorization/roleDefinitions/r")
	if err != nil {
		t.Fatal(err)
	}
	var fail error
	k, p := newKernel(t, nil)
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{arm.BadRequest("Bad %d.", 1), 400, `{"code":"BadRequest","message":"Bad 1."}`},
		{arm.InvalidContent("What?"), 400, `{"code":"InvalidRequestContent","message":"What?"}`},
		{arm.Errorf(409, "Conflict", "Taken."), 409, `{"code":"Conflict","message":"Taken."}`},
		{arm.NotSupported("Not here."), 501, `{"code":"NotSupported","message":"Not here."}`},
		{arm.ResourceNotFound(id), 404, `{"code":"ResourceNotFound","message":"The Resource 'Contoso.Widgets/widgets/w/PartLists/p' under resource group 'rg' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"}`},
		{arm.ResourceNotFound(tenantID), 404, `{"code":"ResourceNotFound","message":"The Resource 'Microsoft.Authorization/roleDefinitions/r' was not found."}`},
		{arm.ParentNotFound(id.Parent()), 404, `{"code":"ParentResourceNotFound","message":"Can not perform requested operation on nested resource. Parent resource 'w' not found."}`},
		{arm.GroupNotFound("g"), 404, `{"code":"ResourceGroupNotFound","message":"Resource group 'g' could not be found."}`},
		{arm.GroupBeingDeleted("g"), 409, `{"code":"ResourceGroupBeingDeleted","message":"The resource group 'g' is in deprovisioning state and cannot perform this operation."}`},
		{arm.MethodNotAllowed(&arm.Request{Method: "PATCH", ID: id}), 405, `{"code":"MethodNotAllowed","message":"The HTTP method 'PATCH' is not supported for 'Contoso.Widgets/widgets/PartLists'."}`},
		{arm.MethodNotAllowed(&arm.Request{Method: "POST", ID: id, Action: "listkeys"}), 405, `{"code":"MethodNotAllowed","message":"The HTTP method 'POST' is not supported for 'Contoso.Widgets/widgets/PartLists/listkeys'."}`},
		{&arm.Error{Status: 422, Code: "A", Message: `"m"`, Target: "t", Details: []arm.Error{{Code: "B", Message: "b", Target: "u"}, {Code: "C", Message: "c", Details: []arm.Error{{Code: "D", Message: "d"}}}}}, 422,
			`{"code":"A","message":"\"m\"","target":"t","details":[{"code":"B","message":"b","target":"u"},{"code":"C","message":"c","details":[{"code":"D","message":"d"}]}]}`},
		{fmt.Errorf("wrapped: %w", arm.Errorf(409, "Conflict", "Inside.")), 409, `{"code":"Conflict","message":"Inside."}`},
	} {
		fail = c.err
		p.answer = func(*arm.Request) (*arm.Response, error) { return nil, fail }
		w := do(k, "GET", widget+v, "")
		var e *arm.Error
		errors.As(c.err, &e)
		if got, body := w.Body.String(), `{"error":`+c.body+`}`; w.Code != c.status || got != body || w.Header().Get("x-ms-error-code") != e.Code || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%v: got\n%s\nwant %d\n%s", c.err, armtest.Describe(w), c.status, body)
		}
	}
	if got := arm.Errorf(409, "Conflict", "Taken.").Error(); got != "(Conflict) Taken." {
		t.Errorf("an error as text: %q, want it as az prints one", got)
	}
}

// TestErrorsRepeatLittle: of what a client sends, an error repeats a bounded part.
func TestErrorsRepeatLittle(t *testing.T) {
	k, _ := newKernel(t, nil)
	long := strings.Repeat("ä", 3000)
	for _, c := range []struct{ method, path string }{
		{"GET", "/subscriptions/" + long + v},
		{"GET", sub + "/resourceGroups/" + long + "/providers/Contoso.Widgets/widgets/w" + v},
		{"GET", sub + "/providers/" + long + "/widgets/w" + v},
		{"GET", sub + "/providers/Contoso.Widgets/" + long + "/w" + v},
		{"GET", widget + "?api-version=" + long},
		{"GET", sub + "/operationresults/" + long + v},
		{"POST", widget + "/pages" + v + "&$top=" + long},
	} {
		w := do(k, c.method, c.path, "")
		if w.Code < 400 || w.Code > 499 || w.Body.Len() > 1000 || !strings.Contains(w.Header().Get("Content-Type"), "json") {
			t.Errorf("%s %.60s: %d with %d bytes", c.method, c.path, w.Code, w.Body.Len())
		}
	}
}

// TestPageParameters covers [ARM 1.11]: names in any case, other parameters kept
// in the link, and what is no number refused.
func TestPageParameters(t *testing.T) {
	k, _ := newKernel(t, nil)
	for _, c := range []struct{ query, items, link string }{
		{"", "01", "%24skiptoken=2&api-version=2024-01-01"},
		{"&$SkipToken=2", "23", "%24SkipToken=2&%24skiptoken=4&api-version=2024-01-01"},
		{"&$skiptoken=4", "4", ""},
		{"&$skiptoken=99", "", ""},
		{"&$top=5", "01", "%24skiptoken=2&%24top=5&api-version=2024-01-01"},
		{"&$TOP=1", "0", ""},
		{"&$top=2147483647", "01", "%24skiptoken=2&%24top=2147483647&api-version=2024-01-01"},
		{"&$skip=4&$top=2147483647", "4", ""},
		{"&$skip=3", "34", ""},
		{"&$skip=4&$top=3", "4", ""},
		{"&$skip=1&$top=3&$skiptoken=3", "3", ""},
		{"&$filter=a%20b%26c", "01", "%24filter=a+b%26c&%24skiptoken=2&api-version=2024-01-01"},
	} {
		w := do(k, "POST", widget+"/pages"+v+c.query, "")
		items := ""
		list, err := value.Parse(w.Body.Bytes())
		if err != nil || w.Code != 200 {
			t.Fatalf("%s: %v\n%s", c.query, err, armtest.Describe(w))
		}
		val, _ := list.(*value.Object).Get("value")
		for _, x := range val.(value.Array) {
			n, _ := x.(*value.Object).Get("n")
			items += value.Text(n)
		}
		link, there := list.(*value.Object).Get("nextLink")
		if c.link != "" {
			c.link = "https://" + armtest.Host + widget + "/pages?" + c.link
		}
		if items != c.items || there != (c.link != "") || there && link != c.link {
			t.Errorf("%s: items %q, nextLink %v\nwant %q, %s", c.query, items, link, c.items, c.link)
		}
	}
	for _, query := range []string{"&$top=-1", "&$top=1.5", "&$top=2147483648", "&$top=x", "&$skip=%2B1", "&$skip=%201", "&$skiptoken=next", "&$skiptoken=0x1"} {
		w := do(k, "POST", widget+"/pages"+v+query, "")
		want(t, w, 400, "InvalidQueryParameterValue")
	}
}

// TestForwarded: links have the scheme and host that the client used; what a
// request says of a proxy counts only if there is one [ARM 1.11].
func TestForwarded(t *testing.T) {
	for _, c := range []struct {
		trust       bool
		proto, host string
		want        string
	}{
		{false, "https", "evil.test", "https://" + armtest.Host},
		{true, "", "", "https://" + armtest.Host},
		{true, "http", "", "http://" + armtest.Host},
		{true, "HTTP", "proxy.test:8443", "http://proxy.test:8443"},
		{true, "https, http", "first.test, second.test", "https://first.test"},
		{true, "javascript", "a.test", "https://a.test"},
		{true, "", "evil.test/path", "https://" + armtest.Host},
		{true, "", "user@evil.test", "https://" + armtest.Host},
		{true, "", `evil.test\x`, "https://" + armtest.Host},
		{true, "", "evil.test?x", "https://" + armtest.Host},
		{true, "", "evil.test#x", "https://" + armtest.Host},
	} {
		k, p := newKernel(t, func(o *arm.Options) { o.TrustForwarded = c.trust })
		do(k, "GET", widget+v, "", "X-Forwarded-Proto", c.proto, "X-Forwarded-Host", c.host)
		if p.last == nil || p.last.BaseURL != c.want {
			t.Errorf("trusted: %t, proto %q, host %q: links begin with %q, want %q", c.trust, c.proto, c.host, p.last.BaseURL, c.want)
		}
	}
	k, p := newKernel(t, nil)
	r := httptest.NewRequest("GET", "http://plain.test"+widget+v, nil)
	r.Header.Set("Authorization", "Bearer good")
	k.ServeHTTP(httptest.NewRecorder(), r)
	if p.last.BaseURL != "http://plain.test" {
		t.Errorf("without TLS: links begin with %q", p.last.BaseURL)
	}
}

// TestCorrelation covers [ARM 1.8]: which of a client's ids come back.
func TestCorrelation(t *testing.T) {
	k, _ := newKernel(t, nil)
	for _, c := range []struct{ id, echo, want string }{
		{"mine", "true", "mine"},
		{"mine", "True", "mine"},
		{"mine", "false", ""},
		{"mine", "", ""},
		{"", "true", ""},
		{strings.Repeat("x", 128), "true", strings.Repeat("x", 128)},
		{strings.Repeat("x", 129), "true", ""},
	} {
		h := do(k, "GET", widget+v, "", "x-ms-client-request-id", c.id, "x-ms-return-client-request-id", c.echo).Header()
		if got := h.Get("x-ms-client-request-id"); got != c.want {
			t.Errorf("client id %q, to return: %q: got %q, want %q", c.id, c.echo, got, c.want)
		}
	}
	// Errors have the same headers, and each request an id of its own.
	seen := map[string]bool{}
	for _, path := range []string{widget + v, widget + v, widget, "/subscriptions/x" + v, widget + "/panic" + v} {
		h := do(k, "POST", path, "").Header()
		id := h.Get("x-ms-request-id")
		if !arm.IsGUID(id) || seen[id] || h.Get("Cache-Control") != "no-cache" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("POST %s: x-ms-request-id %q (again: %t), headers %v", path, id, seen[id], h)
		}
		seen[id] = true
	}
}

// TestVersions covers [ARM 1.6]: any version that looks like one is good.
func TestVersions(t *testing.T) {
	k, p := newKernel(t, nil)
	for version, good := range map[string]bool{
		"2024-01-01": true, "2026-12-31": true, "2022-10-01-preview": true, "2022-01-01-alpha.1": true, "1999-02-31": true,
		"2024-1-1": false, "2024-00-01": false, "2024-01-00": false, "2024-01-32": false, "24-01-01": false, "2024-01-01-": false,
		"2024-01-01-1": false, "2024-01-01 ": false, "latest": false, "2024-01-01-" + strings.Repeat("x", 32): false, "２０24-01-01": false,
	} {
		p.last = nil
		w := do(k, "GET", widget+"?API-Version="+strings.ReplaceAll(version, " ", "%20"), "")
		if good != (w.Code == 200 && p.last != nil && p.last.APIVersion == version) || !good && w.Header().Get("x-ms-error-code") != "InvalidApiVersionParameter" {
			t.Errorf("version %q: got\n%s\nwant it good: %t", version, armtest.Describe(w), good)
		}
	}
}

// TestAnonymous covers [ARM 1.12]: only the list of a provider's operations needs
// no token.
func TestAnonymous(t *testing.T) {
	k, p := newKernel(t, nil)
	for _, c := range []struct {
		method, path string
		allowed      bool
	}{
		{"GET", "/providers/Contoso.Widgets/operations", true},
		{"GET", "/Providers/CONTOSO.widgets/Operations/", true},
		{"POST", "/providers/Contoso.Widgets/operations", false},
		{"GET", "/providers/Contoso.Widgets/widgets", false},
		{"GET", "/providers/Contoso.Widgets/operations/o", false},
		{"GET", "/providers/Contoso.Widgets", false},
		{"GET", sub + "/providers/Contoso.Widgets/operations", false},
		{"GET", widget + "/providers/Contoso.Widgets/operations", false},
		{"GET", "/subscriptions", false},
	} {
		p.last = nil
		w := do(k, c.method, c.path+v, "", "Authorization", "")
		if c.allowed != (w.Code == 200 && p.last != nil) || !c.allowed && w.Code != 401 {
			t.Errorf("%s %s without a token: %d, provider asked: %t; want allowed: %t", c.method, c.path, w.Code, p.last != nil, c.allowed)
		}
	}
}

// TestMethods: what a collection, a provider and an unknown method answer.
func TestMethods(t *testing.T) {
	k, p := newKernel(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", widget + "/PartLists", 200},
		{"PUT", widget + "/PartLists", 405},
		{"PATCH", widget + "/PartLists", 405},
		{"DELETE", widget + "/PartLists", 405},
		{"POST", sub + "/providers/Contoso.Widgets", 405},
		{"OPTIONS", widget, 405},
		{"CONNECT", widget, 405},
		{"get", widget, 405},
		{"PATCH", widget, 200},
		{"DELETE", widget, 200},
	} {
		p.last = nil
		w := do(k, c.method, c.path+v, "")
		if w.Code != c.status || (p.last != nil) != (c.status == 200) {
			t.Errorf("%s %s: got (provider asked: %t)\n%s\nwant %d", c.method, c.path, p.last != nil, armtest.Describe(w), c.status)
		}
	}
}

// TestConcurrentPuts: of many clients that create one group, one creates it and
// the others update it.
func TestConcurrentPuts(t *testing.T) {
	k, _ := newKernel(t, nil)
	const clients = 16
	status := make([]int, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			status[i] = do(k, "PUT", sub+"/resourceGroups/Many"+v, fmt.Sprintf(`{"location":"westeurope","tags":{"n":"%d"}}`, i)).Code
		})
	}
	wg.Wait()
	created := 0
	for i, s := range status {
		switch s {
		case 201:
			created++
		case 200:
		default:
			t.Errorf("client %d got %d", i, s)
		}
	}
	if created != 1 {
		t.Errorf("%d clients created the group, want 1: %v", created, status)
	}
}

// TestNewKernelRefuses: what a kernel can't do without, and two providers for one
// namespace, whatever its case.
func TestNewKernelRefuses(t *testing.T) {
	store, log, clock := armtest.NewStore(), &armtest.Log{}, armtest.NewClock()
	rp, err := resourcesrp.New(resourcesrp.Options{Store: store, Log: log, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	good := arm.Options{Store: store, Log: log, Clock: clock, TenantID: tenant, Providers: rp.Providers(),
		Authenticate: func(*http.Request) (arm.Caller, error) { return arm.Caller{}, nil }}
	for name, change := range map[string]func(*arm.Options){
		"no store":        func(o *arm.Options) { o.Store = nil },
		"no log":          func(o *arm.Options) { o.Log = nil },
		"no clock":        func(o *arm.Options) { o.Clock = nil },
		"no tenant":       func(o *arm.Options) { o.TenantID = "" },
		"no authenticate": func(o *arm.Options) { o.Authenticate = nil },
		"no resources":    func(o *arm.Options) { o.Providers = []arm.Provider{&widgets{}} },
		"twice":           func(o *arm.Options) { o.Providers = append(rp.Providers(), &widgets{}, loud{&widgets{}}) },
	} {
		o := good
		change(&o)
		if k, err := arm.NewKernel(o); err == nil {
			k.Close()
			t.Errorf("%s: no error", name)
		}
	}
	k, err := arm.NewKernel(good)
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
}

// loud is a provider that spells its namespace in capitals.
type loud struct{ *widgets }

func (loud) Namespace() string { return "CONTOSO.WIDGETS" }

// TestAbort: a handler that means to break the connection may; that is no panic
// of a provider.
func TestAbort(t *testing.T) {
	k, p := newKernel(t, nil)
	p.answer = func(*arm.Request) (*arm.Response, error) { panic(http.ErrAbortHandler) }
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("recovered %v, want http.ErrAbortHandler", got)
		}
	}()
	do(k, "GET", widget+v, "")
}

// TestCheckGroup: under its own lock a provider is told what the kernel told the
// client before it.
func TestCheckGroup(t *testing.T) {
	k, _ := newKernel(t, nil)
	for id, code := range map[string]string{
		widget: "", strings.ToUpper(widget): "", sub + "/resourceGroups/gone/providers/Contoso.Widgets/widgets/w": "ResourceGroupNotFound",
	} {
		parsed, err := arm.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		parsed.Subscription = strings.ToLower(parsed.Subscription)
		got := ""
		if e, ok := errors.AsType[*arm.Error](k.CheckGroup(parsed)); ok {
			got = e.Code
		}
		if got != code {
			t.Errorf("CheckGroup(%s): %q, want %q", id, got, code)
		}
	}
}

// TestDispatchOfOthers: a provider reaches another's resources as a client would.
func TestDispatchOfOthers(t *testing.T) {
	k, p := newKernel(t, nil)
	id, err := arm.ParseID(widget)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := k.Dispatch(context.Background(), &arm.Request{Method: "GET", ID: id, APIVersion: "2024-01-01", Header: http.Header{}})
	if err != nil || resp.Status != 200 || p.last.ID.String() != widget {
		t.Errorf("Dispatch = %+v, %v", resp, err)
	}
	id.Provider = "Contoso.Gone"
	if _, err = k.Dispatch(context.Background(), &arm.Request{Method: "GET", ID: id}); err == nil || !strings.HasPrefix(err.Error(), "(InvalidResourceNamespace) ") {
		t.Errorf("Dispatch to a provider that is not there: %v", err)
	}
}

// TestLocal: the process asks its own resource manager as any client does.
func TestLocal(t *testing.T) {
	k, p := newKernel(t, nil)
	l := arm.Local{Kernel: k, Caller: arm.Caller{ObjectID: "self"}, BaseURL: "https://here"}
	if err := l.Do(context.Background(), "GET", widget, "2024-01-01", nil); err != nil {
		t.Fatal(err)
	}
	if r := p.last; r.Caller.ObjectID != "self" || r.BaseURL != "https://here" || r.Param("api-version") != "2024-01-01" || r.Path != widget {
		t.Errorf("asked as %+v", r)
	}
	if err := l.Do(context.Background(), "GET", "nonsense", "2024-01-01", nil); err == nil {
		t.Error("an id that is none was asked for")
	}
}

// TestLargeValuesWait: a body that is large as a value waits for room and gives it back
// with the answer; small ones do not wait, and a client that goes leaves nothing behind.
func TestLargeValuesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := memory.NewRoom(10 << 20)
		k, _ := newKernel(t, func(o *arm.Options) { o.Values = room })
		ask := func(ctx context.Context, body string) chan int {
			answered := make(chan int, 1)
			go func() {
				r := httptest.NewRequestWithContext(ctx, "POST", "https://"+armtest.Host+widget+"/act"+v, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer good")
				w := httptest.NewRecorder()
				k.ServeHTTP(w, r)
				answered <- w.Code
			}()
			synctest.Wait()
			return answered
		}
		large := `{"a":[` + strings.Repeat("[],", 50_000) + `[]]}`
		full, _ := room.TryTake(10 << 20)
		ctx, leave := context.WithCancel(t.Context())
		first, gone := ask(t.Context(), large), ask(ctx, large)
		if got := <-ask(t.Context(), `{"a":"`+strings.Repeat("x", 500_000)+`"}`); got != 200 {
			t.Errorf("a small one: %d", got)
		}
		if len(first)+len(gone) > 0 {
			t.Error("a large one did not wait")
		}
		leave()
		<-gone
		full()
		if got := <-first; got != 200 {
			t.Errorf("the one that waited: %d", got)
		}
		if _, ok := room.TryTake(10 << 20); !ok {
			t.Error("room is taken after everything is answered")
		}
	})
}
