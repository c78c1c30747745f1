package system

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"

	"switchyard/deploy"
	"switchyard/listen"
)

// request makes one request to the control plane over HTTPS and returns status
// and body.
func request(t *testing.T, s *System, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.httpsURL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusting(s.control.certs), Time: s.o.Clock.Now}, DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestDefinitionsComeBackAsSent: what a client sends as a definition comes back
// byte for byte, numbers included: clients compare it.
func TestDefinitionsComeBackAsSent(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true})
	group := "/subscriptions/" + s.subscription + "/resourceGroups/g"
	factory := group + "/providers/Microsoft.DataFactory/factories/sent-as-is"
	for _, x := range []struct{ path, version, body string }{
		{group, "2021-04-01", `{"location":"westeurope"}`},
		{factory, "2018-06-01", `{"location":"westeurope","identity":{"type":"SystemAssigned"}}`},
	} {
		if code, body := request(t, s, "PUT", x.path+"?api-version="+x.version, x.body); code != 200 && code != 201 {
			t.Fatalf("PUT %s: %d %s", x.path, code, body)
		}
	}
	const properties = `{"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}],"x-unknown":{"b":1.50,"a":1e2,"big":12345678901234567890123}}`
	path := factory + "/pipelines/P?api-version=2018-06-01"
	if code, body := request(t, s, "PUT", path, `{"properties":`+properties+`}`); code != 200 {
		t.Fatalf("PUT: %d %s", code, body)
	}
	code, body := request(t, s, "GET", path, "")
	if want := strings.TrimSuffix(properties, "}"); code != 200 || !strings.Contains(body, want) {
		t.Errorf("GET: %d %s\nwant in it: %s", code, body, want)
	}
}

// TestFolderWithoutItsQueue: a trigger of a folder that would find no queue is
// told at once, with its file, and nothing starts.
func TestFolderWithoutItsQueue(t *testing.T) {
	files := triggered(`{}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`)
	files["Config.json"] = `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"other"}]}]}}`
	_, err := Start(t.Context(), Options{Ephemeral: true, Deployments: []*deploy.Deployment{folder(t, files)}})
	if err == nil || !strings.Contains(err.Error(), "trigger/OnIn.json") || !strings.Contains(err.Error(), `no queue "in"`) {
		t.Errorf("error = %v, want one that names the file and the queue", err)
	}
}

// trusting is what a client trusts that knows the authority alone.
func trusting(c *listen.Certificates) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.AuthorityPEM())
	return pool
}
