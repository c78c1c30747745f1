package identityhttp_test

import (
	"net/url"
	"strconv"
	"testing"

	"switchyard/auth/identityhttp"
)

func TestAppService(t *testing.T) {
	s := newServer(t)
	const query = "?api-version=2019-08-01&resource=https://servicebus.azure.net/"
	for _, more := range []string{"", "&client_id=" + machine.ClientID, "&principal_id=" + machine.PrincipalID, "&object_id=" + machine.PrincipalID, "&mi_res_id=" + url.QueryEscape(machine.ResourceID)} {
		status, doc := s.get(identityhttp.AppServicePath+query+more, "X-IDENTITY-HEADER", secret)
		if status != 200 || doc["token_type"] != "Bearer" || doc["resource"] != "https://servicebus.azure.net/" || doc["client_id"] != machine.ClientID ||
			doc["expires_on"] != strconv.FormatInt(s.now.Unix()+86399, 10) {
			t.Errorf("%q: %d %v", more, status, doc)
			continue
		}
		if c := s.claims(doc["access_token"]); c.ObjectID != machine.PrincipalID || c.AppID != machine.ClientID || c.ManagedIdentity != machine.ResourceID || c.Audience != "https://servicebus.azure.net/" {
			t.Errorf("%q: claims are %+v", more, c)
		}
	}
	for _, c := range []struct {
		name, query string
		header      []string
		status      int
		code        string
	}{
		{"no header", query, nil, 401, "unauthorized"},
		{"wrong header", query, []string{"X-IDENTITY-HEADER", "x"}, 401, "unauthorized"},
		{"header of the other endpoint", query, []string{"Metadata", "true"}, 401, "unauthorized"},
		{"unknown identity", query + "&client_id=x", []string{"X-IDENTITY-HEADER", secret}, 400, "invalid_request"},
		{"named twice", query + "&client_id=x&object_id=y", []string{"X-IDENTITY-HEADER", secret}, 400, "invalid_request"},
		{"no resource", "?api-version=2019-08-01", []string{"X-IDENTITY-HEADER", secret}, 400, "invalid_resource"},
		{"bad resource", "?api-version=2019-08-01&resource=bus", []string{"X-IDENTITY-HEADER", secret}, 400, "invalid_resource"},
		{"no version", "?resource=https://a.example", []string{"X-IDENTITY-HEADER", secret}, 400, "invalid_request"},
		{"through a proxy", query, []string{"X-IDENTITY-HEADER", secret, "X-Forwarded-For", "10.0.0.1"}, 400, "invalid_request"},
	} {
		if status, doc := s.get(identityhttp.AppServicePath+c.query, c.header...); status != c.status || doc["error"] != c.code {
			t.Errorf("%s: %d %v, want %d %s", c.name, status, doc, c.status, c.code)
		}
	}
	closed := newServer(t, func(o *identityhttp.Options) { o.IdentityHeader = "" })
	if status, doc := closed.get(identityhttp.AppServicePath+query, "X-IDENTITY-HEADER", ""); status != 401 {
		t.Errorf("without a secret: %d %v, want 401", status, doc)
	}
	none := newServer(t, func(o *identityhttp.Options) { o.Identities = nil })
	if status, doc := none.get(identityhttp.AppServicePath+query, "X-IDENTITY-HEADER", secret); status != 400 {
		t.Errorf("without identities: %d %v, want 400", status, doc)
	}
}

func TestInstanceMetadata(t *testing.T) {
	s := newServer(t)
	const path = identityhttp.InstanceMetadataPath + "?api-version=2018-02-01&resource=https://management.azure.com/"
	status, doc := s.get(path, "Metadata", "true")
	if status != 200 || doc["expires_in"] != "86399" || doc["not_before"] == nil || doc["expires_on"] == nil {
		t.Fatalf("%d %v", status, doc)
	}
	if c := s.claims(doc["access_token"]); c.ObjectID != machine.PrincipalID {
		t.Errorf("claims are %+v", c)
	}
	// DefaultAzureCredential probes without the header and needs an answer.
	if status, doc := s.get(path); status != 400 || doc["error"] != "invalid_request" {
		t.Errorf("without the header: %d %v", status, doc)
	}
	if status, doc := s.get(path+"&msi_res_id=/other", "Metadata", "true"); status != 400 || doc["error"] != "invalid_request" {
		t.Errorf("unknown identity: %d %v", status, doc)
	}
	closed := newServer(t, strict(t))
	if status, doc := closed.get(path, "Metadata", "true"); status != 400 || doc["access_token"] != nil {
		t.Errorf("in strict mode: %d %v, want it refused: it asks for no secret", status, doc)
	}
	if status, doc := closed.get(identityhttp.AppServicePath+"?api-version=2019-08-01&resource=urn:x", "X-IDENTITY-HEADER", secret); status != 200 {
		t.Errorf("App Service style in strict mode: %d %v", status, doc)
	}
}
