package activity_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/clock"
	"switchyard/pipeline/activity"
	"switchyard/value"
)

// impatient is a clock whose timers are due at once.
type impatient struct{ clock.Wall }

func (impatient) NewTimer(time.Duration) clock.Timer { return clock.Wall{}.NewTimer(0) }

func parse(t testing.TB, s string) *value.Object {
	t.Helper()
	v, err := value.Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v.(*value.Object)
}

// call executes a Web activity; %URL% in the input is the server's address.
func call(t testing.TB, o activity.WebOptions, url, input string) activity.Result {
	t.Helper()
	if o.Clock == nil {
		o.Clock = impatient{}
	}
	w := activity.NewWeb(o)
	return w.Execute(context.Background(), &activity.Call{
		ActivityName: "Web", ActivityType: "WebActivity", ActivityRunID: "11111111-2222-5333-8444-555555555555", Factory: "f",
		Input: parse(t, strings.ReplaceAll(input, "%URL%", url)),
	})
}

func json(o *value.Object) string { return string(value.Append(nil, o)) }

const runtimeMembers = `"effectiveIntegrationRuntime":"AutoResolveIntegrationRuntime (Local)","executionDuration":0,"durationInQueue":{"integrationRuntimeQueue":0},"billingReference":{"activityType":"ExternalActivity","billableDuration":[{"meterType":"AzureIR","duration":0.016666666666666666,"unit":"Hours"}]}}`

func TestWebOutput(t *testing.T) {
	for _, c := range []struct{ name, contentType, body, want string }{
		{"object is merged", "application/json", `{"a":1,"b":{"c":[true]}}`, `{"a":1,"b":{"c":[true]},`},
		{"object whatever the type", "text/plain", ` {"a":1}`, `{"a":1,`},
		{"empty object", "application/json", `{}`, `{`},
		{"empty body", "application/json", ``, `{"Response":"",`},
		{"array is text", "application/json", `[1, "a"]`, `{"Response":"[1, \"a\"]",`},
		{"text", "text/plain", `hello`, `{"Response":"hello",`},
		{"text that looks like a number", "text/plain", `12`, `{"Response":"12",`},
		{"JSON scalar", "application/json", `12`, `{"Response":12,`},
		{"broken JSON", "application/json", `{"a":`, `{"Response":"{\"a\":",`},
		{"byte order mark", "application/json", "\ufeff{\"a\":1}", `{"a":1,`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Date"] = nil
				w.Header().Set("Content-Type", c.contentType)
				w.Header().Set("X-Two", "1")
				w.Header().Add("X-Two", "2")
				w.Header().Set("Content-Length", fmt.Sprint(len(c.body)))
				io.WriteString(w, c.body)
			}))
			defer s.Close()
			res := call(t, activity.WebOptions{}, s.URL, `{"method":"get","url":"%URL%/x"}`)
			if res.Err != nil {
				t.Fatalf("error: %v", res.Err)
			}
			want := c.want + fmt.Sprintf(`"ADFHttpStatusCodeInResponse":"200","ADFWebActivityResponseHeaders":{"Content-Length":"%d","Content-Type":"%s","X-Two":"1,2"},`, len(c.body), c.contentType) + runtimeMembers
			if got := json(res.Output); got != want {
				t.Errorf("output:\n got %s\nwant %s", got, want)
			}
		})
	}
}

func TestWebRequest(t *testing.T) {
	type seen struct{ method, path, body, contentType, auth, requestID, key, extra string }
	for _, c := range []struct {
		name, input string
		want        seen
	}{
		{"GET sends no body", `{"method":"GET","url":"%URL%/a?x=1#frag"}`, seen{method: "GET", path: "/a?x=1"}},
		{"text body as it is", `{"method":"POST","url":"%URL%/","body":"{\"a\": 1}"}`, seen{method: "POST", path: "/", body: `{"a": 1}`, contentType: "application/json"}},
		{"object body as JSON", `{"method":"put","url":"%URL%/","body":{"a":[1.0,null]}}`, seen{method: "PUT", path: "/", body: `{"a":[1.0,null]}`, contentType: "application/json"}},
		{"headers", `{"method":"PATCH","url":"%URL%/","body":"x","headers":{"content-type":"text/xml","X-Extra":7}}`, seen{method: "PATCH", path: "/", body: "x", contentType: "text/xml", extra: "7"}},
		{"DELETE with body", `{"method":"DELETE","url":"%URL%/","body":"x"}`, seen{method: "DELETE", path: "/", body: "x", contentType: "application/json"}},
		{"Basic", `{"method":"GET","url":"%URL%/","authentication":{"type":"Basic","username":"u","password":{"type":"SecureString","value":"p"}}}`, seen{method: "GET", path: "/", auth: "Basic dTpw"}},
		{"MSI", `{"method":"GET","url":"%URL%/","authentication":{"type":"MSI","resource":"https://management.azure.com/"}}`, seen{method: "GET", path: "/", auth: "Bearer f//https://management.azure.com/"}},
		{"user-assigned", `{"method":"GET","url":"%URL%/","authentication":{"type":"UserAssignedManagedIdentity","resource":"r","credential":{"referenceName":"c","type":"CredentialReference"}}}`, seen{method: "GET", path: "/", auth: "Bearer f/c/r"}},
		{"own ids", `{"method":"GET","url":"%URL%/","headers":{"x-ms-client-request-id":"mine","Idempotency-Key":"too"}}`, seen{method: "GET", path: "/", requestID: "mine", key: "too"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got seen
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = seen{r.Method, r.URL.RequestURI(), string(b), r.Header.Get("Content-Type"), r.Header.Get("Authorization"),
					r.Header.Get("x-ms-client-request-id"), r.Header.Get("Idempotency-Key"), r.Header.Get("X-Extra")}
			}))
			defer s.Close()
			res := call(t, activity.WebOptions{Tokens: tokens{}}, s.URL, c.input)
			if res.Err != nil {
				t.Fatalf("error: %v", res.Err)
			}
			if c.want.requestID == "" {
				c.want.requestID, c.want.key = "11111111-2222-5333-8444-555555555555", "11111111-2222-5333-8444-555555555555"
			}
			if got != c.want {
				t.Errorf("request:\n got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

type tokens struct{}

func (tokens) Token(_ context.Context, factory, credential, resource string) (string, error) {
	return factory + "/" + credential + "/" + resource, nil
}

func TestWebRefusals(t *testing.T) {
	for _, c := range []struct{ name, input, code, message string }{
		{"no method", `{"url":"http://h/"}`, "BadRequest", "'method'"},
		{"unknown method", `{"method":"TRACE","url":"http://h/"}`, "NotSupported", "TRACE"},
		{"no URL", `{"method":"GET"}`, "BadRequest", "url"},
		{"relative URL", `{"method":"GET","url":"/x"}`, "BadRequest", "absolute"},
		{"other scheme", `{"method":"GET","url":"file:///etc/passwd"}`, "BadRequest", "absolute"},
		{"no body", `{"method":"POST","url":"http://h/"}`, "BadRequest", "'body'"},
		{"headers as text", `{"method":"GET","url":"http://h/","headers":"x"}`, "BadRequest", "'headers'"},
		{"unknown property", `{"method":"GET","url":"http://h/","proxy":"x"}`, "NotSupported", "'proxy'"},
		{"another authentication", `{"method":"GET","url":"http://h/","authentication":{"type":"Kerberos","pfx":"x"}}`, "NotSupported", "Kerberos"},
		{"key vault", `{"method":"GET","url":"http://h/","authentication":{"type":"Basic","username":"u","password":{"type":"AzureKeyVaultSecret","secretName":"s"}}}`, "NotSupported", "AzureKeyVaultSecret"},
		{"no identity", `{"method":"GET","url":"http://h/","authentication":{"type":"MSI","resource":"r"}}`, "NotSupported", "MSI"},
		{"timeout over the maximum", `{"method":"GET","url":"http://h/","httpRequestTimeout":"00:11:00"}`, "BadRequest", "00:11:00"},
		{"timeout that is none", `{"method":"GET","url":"http://h/","httpRequestTimeout":"soon"}`, "BadRequest", "soon"},
		{"datasets", `{"method":"GET","url":"http://h/","datasets":[{"referenceName":"d"}]}`, "NotSupported", "'datasets'"},
		{"integration runtime", `{"method":"GET","url":"http://h/","connectVia":{"referenceName":"mine"}}`, "NotSupported", "'mine'"},
		{"bad header", `{"method":"GET","url":"http://127.0.0.1:1/","headers":{"a b":"hunter2"}}`, "2128", "header"},
		{"nobody listens", `{"method":"GET","url":"http://127.0.0.1:1/?code=hunter2"}`, "2128", "No response from the endpoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := call(t, activity.WebOptions{}, "", c.input)
			if res.Err == nil || res.Err.Code != c.code || !strings.Contains(res.Err.Message, c.message) {
				t.Fatalf("error: got %v, want code %s and %q", res.Err, c.code, c.message)
			}
			if strings.Contains(res.Err.Message, "hunter2") {
				t.Errorf("the message shows a secret: %s", res.Err.Message)
			}
			if got := json(res.Output); got != "{"+runtimeMembers {
				t.Errorf("output of a failure: got %s", got)
			}
		})
	}
}

func TestWebEndpointErrors(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"JSON body is the message", `{"error":{"code":"X"}}`, `{"error":{"code":"X"}}`},
		{"text", `no way`, `Error calling the endpoint '%URL%/?sig=**********&a=1'. Response status code: '404'. More details: no way`},
		{"nothing", ``, `Error calling the endpoint '%URL%/?sig=**********&a=1'. Response status code: '404'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(404)
				io.WriteString(w, c.body)
			}))
			defer s.Close()
			res := call(t, activity.WebOptions{}, s.URL, `{"method":"GET","url":"%URL%/?sig=secret&a=1"}`)
			want := strings.ReplaceAll(c.want, "%URL%", s.URL)
			if res.Err == nil || res.Err.Code != "2108" || res.Err.FailureType != "UserError" || res.Err.Message != want {
				t.Errorf("error:\n got %v\nwant 2108: %s", res.Err, want)
			}
		})
	}
}

func TestWebLimitAndTimeout(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/just":
			io.WriteString(w, strings.Repeat("x", 4<<20))
		case "/over":
			io.WriteString(w, strings.Repeat("x", 4<<20+1))
		case "/never":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	}))
	defer s.Close()
	defer close(release)
	if res := call(t, activity.WebOptions{}, s.URL, `{"method":"GET","url":"%URL%/just"}`); res.Err != nil {
		t.Errorf("4 MB: %v", res.Err)
	}
	if res := call(t, activity.WebOptions{}, s.URL, `{"method":"GET","url":"%URL%/over"}`); res.Err == nil || res.Err.Code != "2001" {
		t.Errorf("more than 4 MB: got %v, want 2001", res.Err)
	}
	if res := call(t, activity.WebOptions{}, s.URL, `{"method":"GET","url":"%URL%/never","httpRequestTimeout":"00:00:00.05"}`); res.Err == nil || res.Err.Code != "2128" {
		t.Errorf("no answer in time: got %v, want 2128", res.Err)
	}
}

func TestWebPolling(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	polls := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/start":
			w.Header().Set("Location", "/status")
			w.WriteHeader(202)
		case "/status":
			if polls++; polls < 3 {
				w.Header().Set("Retry-After", "1")
				w.Header().Set("Location", "/status")
				w.WriteHeader(202)
				return
			}
			io.WriteString(w, `{"done":true}`)
		case "/nowhere":
			w.WriteHeader(202)
		}
	}))
	defer s.Close()
	input := `{"method":"POST","url":"%URL%/start","body":"x","authentication":{"type":"Basic","username":"u","password":"p"}}`
	res := call(t, activity.WebOptions{}, s.URL, input)
	if done, _ := res.Output.Get("done"); res.Err != nil || done != true {
		t.Errorf("got %s, %v, want the final answer", json(res.Output), res.Err)
	}
	want := "[POST /start Basic dTpw GET /status Basic dTpw GET /status Basic dTpw GET /status Basic dTpw]"
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("requests: got %s, want %s", got, want)
	}
	for _, input := range []string{
		`{"method":"POST","url":"%URL%/start","body":"x","turnOffAsync":true}`,
		`{"method":"GET","url":"%URL%/nowhere"}`,
	} {
		res = call(t, activity.WebOptions{}, s.URL, input)
		if status, _ := res.Output.Get("ADFHttpStatusCodeInResponse"); res.Err != nil || status != "202" {
			t.Errorf("%s: got %v, %v, want 202 itself", input, status, res.Err)
		}
	}
}

func TestWebKeepsCredentialsAtHome(t *testing.T) {
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization")+r.Header.Get("X-Functions-Key"))
		io.WriteString(w, `{}`)
	}))
	defer other.Close()
	for _, status := range []int{202, 307} {
		got = nil
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", other.URL+"/status")
			w.WriteHeader(status)
		}))
		res := call(t, activity.WebOptions{}, s.URL, `{"method":"GET","url":"%URL%/","headers":{"x-functions-key":"k"},"authentication":{"type":"Basic","username":"u","password":"p"}}`)
		if res.Err != nil || len(got) != 1 || got[0] != "" {
			t.Errorf("%d to another host: got credentials %q, error %v", status, got, res.Err)
		}
		s.Close()
	}
}

func TestWebCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{}`) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	if res := call(t, activity.WebOptions{}, s.URL, `{"method":"GET","url":"%URL%/"}`); res.Err == nil || res.Err.Code != "2128" {
		t.Errorf("unknown certificate: got %v, want 2128", res.Err)
	}
	if res := call(t, activity.WebOptions{}, s.URL, `{"method":"GET","url":"%URL%/","disableCertValidation":true}`); res.Err != nil {
		t.Errorf("disableCertValidation: %v", res.Err)
	}
}

func TestWebServicePrincipal(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tenant/oauth2/token" {
			asked++
			if r.FormValue("client_id") != "id" || r.FormValue("client_secret") != "key" || r.FormValue("resource") != "res" {
				w.WriteHeader(401)
				io.WriteString(w, `{"error":"invalid_client","error_description":"wrong"}`)
				return
			}
			io.WriteString(w, `{"access_token":"tok","expires_in":"3600"}`)
			return
		}
		fmt.Fprintf(w, `{"auth":%q}`, r.Header.Get("Authorization"))
	}))
	defer s.Close()
	w := activity.NewWeb(activity.WebOptions{Clock: clock.Wall{}, Authority: s.URL})
	execute := func(key string) activity.Result {
		return w.Execute(context.Background(), &activity.Call{Input: parse(t, `{"method":"GET","url":"`+s.URL+`/","authentication":
			{"type":"ServicePrincipal","userTenant":"tenant","username":"id","password":{"type":"SecureString","value":"`+key+`"},"resource":"res"}}`)})
	}
	for range 2 {
		res := execute("key")
		if got, _ := res.Output.Get("auth"); res.Err != nil || got != "Bearer tok" {
			t.Errorf("got %v, %v, want the token", got, res.Err)
		}
	}
	if asked != 1 {
		t.Errorf("the authority was asked %d times, want once", asked)
	}
	if res := execute("other"); res.Err == nil || !strings.Contains(res.Err.Message, "wrong") || strings.Contains(res.Err.Message, "other") {
		t.Errorf("wrong key: got %v, want the authority's description", res.Err)
	}
}

func TestMaskInput(t *testing.T) {
	in := parse(t, `{"url":"u","headers":{"authorization":"Bearer x","a":"b"},"authentication":{"type":"Basic","username":"u","password":"p"}}`)
	want := `{"url":"u","headers":{"authorization":"**********","a":"b"},"authentication":{"type":"Basic","username":"u","password":"**********"}}`
	if got := json(activity.MaskInput(in)); got != want || !activity.Sensitive(in) {
		t.Errorf("got %s, want %s", got, want)
	}
	if plain := parse(t, `{"url":"u","headers":{"a":"b"}}`); activity.Sensitive(plain) || activity.MaskInput(plain) != plain {
		t.Error("an input without secrets is taken for sensitive")
	}
}

func TestRegistry(t *testing.T) {
	r := activity.NewRegistry()
	r.Register("WebActivity", activity.Executor(func(context.Context, *activity.Call) activity.Result { return activity.Result{} }))
	if res := r.Execute(context.Background(), &activity.Call{ActivityType: "webactivity"}); res.Err != nil || !r.Supports("WEBACTIVITY") {
		t.Errorf("types ignore case: got %v", res.Err)
	}
	if res := r.Execute(context.Background(), &activity.Call{ActivityType: "Copy"}); res.Err == nil || !strings.Contains(res.Err.Message, "'Copy'") {
		t.Errorf("unregistered type: got %v, want an error that names it", res.Err)
	}
}
