// Package armtest is a Resource Manager for tests: a tree of resources in memory
// behind TLS, with metadata and token endpoints, that records what it is asked. It
// knows no resource provider; it stores what is put and adds what every
// provider adds. The shapes are those of [ARM 1, 2, 3, 4, 5].
package armtest

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What the clients of the tests are told to be.
const (
	Subscription = "00000000-1111-2222-3333-444444444444"
	Tenant       = "55555555-6666-7777-8888-999999999999"
	ClientID     = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	ClientSecret = "not a secret"
	token        = "token-of-the-tests"
)

// Request is one request to a resource.
type Request struct {
	Method     string
	Path       string
	APIVersion string
	Body       map[string]any
}

// Server is the Resource Manager.
type Server struct {
	URL      string
	CertFile string // PEM of the certificate to trust
	http     *httptest.Server

	// Slow makes the first reads after a PUT say that provisioning goes on.
	Slow int

	mu        sync.Mutex
	resources map[string]map[string]any // by lower-case ID
	requests  []Request
	pending   map[string]int
	polls     map[string]int
	fail      map[string]int // status to answer to a method and ID, once
	loginFail bool
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{resources: map[string]map[string]any{}, pending: map[string]int{}, polls: map[string]int{},
		fail: map[string]int{}}
	s.http = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.http.Close)
	s.URL = s.http.URL
	s.CertFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
	if err := os.WriteFile(s.CertFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// Env are the variables that lead a provider here.
func (s *Server) Env() map[string]string {
	return map[string]string{
		"ARM_METADATA_HOSTNAME":          strings.TrimPrefix(s.URL, "https://"),
		"SSL_CERT_FILE":                  s.CertFile,
		"ARM_SUBSCRIPTION_ID":            Subscription,
		"ARM_TENANT_ID":                  Tenant,
		"ARM_CLIENT_ID":                  ClientID,
		"ARM_CLIENT_SECRET":              ClientSecret,
		"ARM_DISABLE_INSTANCE_DISCOVERY": "true",
	}
}

// Requests takes what was asked since the last call.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}

// Resource is a stored resource, nil when there is none.
func (s *Server) Resource(id string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resources[strings.ToLower(id)]
}

// IDs are those of all resources, sorted.
func (s *Server) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := []string{}
	for _, r := range s.resources {
		ids = append(ids, r["id"].(string))
	}
	slices.Sort(ids)
	return ids
}

// Change edits a stored resource, as somebody else would.
func (s *Server) Change(id string, f func(resource map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.resources[strings.ToLower(id)])
}

// Fail makes the next such request fail with a status.
func (s *Server) Fail(method, id string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[method+" "+strings.ToLower(id)] = status
}

// FailLogin refuses the client secret from now on.
func (s *Server) FailLogin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loginFail = true
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/metadata/endpoints":
		write(w, http.StatusOK, map[string]any{"name": "Switchyard", "resourceManager": s.URL + "/",
			"authentication": map[string]any{"loginEndpoint": s.URL,
				"audiences": []string{s.URL, "https://management.azure.com/"}}})
	case r.URL.Path == "/"+Tenant+"/oauth2/v2.0/token":
		s.login(w, r)
	case r.Header.Get("Authorization") != "Bearer "+token:
		failure(w, http.StatusUnauthorized, "AuthenticationFailed", "no or another token")
	case r.URL.Query().Get("api-version") == "":
		failure(w, http.StatusBadRequest, "MissingApiVersionParameter",
			"the api-version query parameter is required")
	default:
		s.resource(w, r)
	}
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if s.loginFail || r.PostFormValue("grant_type") != "client_credentials" ||
		r.PostFormValue("client_id") != ClientID ||
		r.PostFormValue("client_secret") != ClientSecret ||
		!strings.HasSuffix(r.PostFormValue("scope"), "/.default") {
		write(w, http.StatusUnauthorized,
			map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"})
		return
	}
	write(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": token})
}

func (s *Server) resource(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Path
	key := strings.ToLower(id)
	var body map[string]any
	raw, _ := io.ReadAll(r.Body)
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &body); err != nil {
			failure(w, http.StatusBadRequest, "InvalidRequestContent", err.Error())
			return
		}
	}
	s.requests = append(s.requests, Request{r.Method, id, r.URL.Query().Get("api-version"), body})
	if status := s.fail[r.Method+" "+key]; status != 0 {
		delete(s.fail, r.Method+" "+key)
		failure(w, status, "BadRequest", "made to fail")
		return
	}
	switch {
	case strings.Contains(key, "/operationresults/"):
		if s.polls[key]--; s.polls[key] > 0 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPut:
		var copied map[string]any // the record must not see what put adds
		_ = json.Unmarshal(raw, &copied)
		s.put(w, id, copied)
	case r.Method == http.MethodGet:
		s.get(w, key)
	case r.Method == http.MethodDelete:
		s.delete(w, key)
	case r.Method == http.MethodPost && strings.HasSuffix(key, "/listkeys"):
		name := key[strings.LastIndex(strings.TrimSuffix(key, "/listkeys"), "/")+1 : len(key)-len("/listkeys")]
		write(w, http.StatusOK, map[string]any{
			"keyName":                   name,
			"primaryKey":                "pk",
			"secondaryKey":              "sk",
			"primaryConnectionString":   "Endpoint=sb://localhost;SharedAccessKey=pk",
			"secondaryConnectionString": "Endpoint=sb://localhost;SharedAccessKey=sk"})
	case r.Method == http.MethodPost && (strings.HasSuffix(key, "/start") || strings.HasSuffix(key, "/stop")):
		trigger := s.resources[key[:strings.LastIndex(key, "/")]]
		if trigger == nil {
			failure(w, http.StatusNotFound, "TriggerNotFound", id)
			return
		}
		trigger["properties"].(map[string]any)["runtimeState"] = map[string]string{
			"start": "Started", "stop": "Stopped"}[key[strings.LastIndex(key, "/")+1:]]
		w.WriteHeader(http.StatusOK)
	default:
		failure(w, http.StatusNotFound, "InvalidResourceType", r.Method+" "+id)
	}
}

func (s *Server) put(w http.ResponseWriter, id string, body map[string]any) {
	key := strings.ToLower(id)
	if parent := parentOf(key); parent != "" && s.resources[parent] == nil {
		failure(w, http.StatusNotFound, "ParentResourceNotFound",
			fmt.Sprintf("parent resource %q not found", parent))
		return
	}
	stored := maps.Clone(body)
	properties := map[string]any{}
	if p, ok := body["properties"].(map[string]any); ok {
		properties = maps.Clone(p)
	}
	stored["properties"] = properties
	segments := strings.Split(strings.Trim(id, "/"), "/")
	stored["id"], stored["name"] = id, segments[len(segments)-1]
	_, exists := s.resources[key]
	switch {
	case strings.HasSuffix(parentOf(key), "resourcegroups") || !strings.Contains(key, "/providers/"):
		stored["type"] = "Microsoft.Resources/resourceGroups"
		properties["provisioningState"] = "Succeeded"
	case strings.Contains(key, "/namespaces/") && len(segments) == 8:
		stored["type"] = "Microsoft.ServiceBus/Namespaces"
		properties["provisioningState"], properties["status"] = "Succeeded", "Active"
		properties["serviceBusEndpoint"] = "https://" + segments[7] + ".servicebus.windows.net:443/"
	case strings.Contains(key, "/queues/") && len(segments) == 10:
		stored["type"] = "Microsoft.ServiceBus/namespaces/queues"
		for name, v := range map[string]any{"lockDuration": "PT1M", "maxDeliveryCount": 10, "status": "Active"} {
			if _, ok := properties[name]; !ok {
				properties[name] = v
			}
		}
		properties["messageCount"] = 0
	case strings.Contains(key, "/factories/") && len(segments) == 8:
		stored["type"] = "Microsoft.DataFactory/factories"
		properties["provisioningState"] = "Succeeded"
		if i, ok := body["identity"].(map[string]any); ok {
			i = maps.Clone(i)
			i["principalId"], i["tenantId"] = "99999999-0000-0000-0000-000000000001", Tenant
			stored["identity"] = i
		}
	case strings.Contains(key, "/factories/"):
		stored["type"] = "Microsoft.DataFactory/factories/" + segments[len(segments)-2]
		stored["etag"] = "etag"
		mask(properties)
	}
	if s.Slow > 0 {
		s.pending[key] = s.Slow
	}
	s.resources[key] = stored
	status := http.StatusOK
	if !exists {
		status = http.StatusCreated
	}
	write(w, status, stored)
}

// mask hides the values of SecureStrings, as a factory does.
func mask(v any) {
	switch v := v.(type) {
	case map[string]any:
		if v["type"] == "SecureString" {
			v["value"] = "**********"
		}
		for _, m := range v {
			mask(m)
		}
	case []any:
		for _, m := range v {
			mask(m)
		}
	}
}

func (s *Server) get(w http.ResponseWriter, key string) {
	r, ok := s.resources[key]
	if !ok {
		failure(w, http.StatusNotFound, "ResourceNotFound", key)
		return
	}
	if s.pending[key] > 0 {
		s.pending[key]--
		slow := maps.Clone(r)
		slow["properties"] = map[string]any{"provisioningState": "Creating"}
		write(w, http.StatusOK, slow)
		return
	}
	write(w, http.StatusOK, r)
}

func (s *Server) delete(w http.ResponseWriter, key string) {
	r, ok := s.resources[key]
	if !ok {
		failure(w, http.StatusNotFound, "ResourceNotFound", key)
		return
	}
	for id := range s.resources {
		if id == key || strings.HasPrefix(id, key+"/") {
			delete(s.resources, id)
		}
	}
	if r["type"] == "Microsoft.Resources/resourceGroups" {
		op := "/subscriptions/" + Subscription + "/operationresults/1"
		s.polls[op] = 2
		w.Header().Set("Location", s.URL+op+"?api-version=2024-03-01")
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// parentOf is the ID that must exist before key; "" for resource groups.
func parentOf(key string) string {
	if i := strings.LastIndex(key, "/providers/microsoft.authorization/"); i > 0 {
		return key[:i]
	}
	segments := strings.Split(key, "/")
	switch {
	case len(segments) <= 5:
		return ""
	case len(segments) <= 9:
		return strings.Join(segments[:5], "/")
	}
	return strings.Join(segments[:len(segments)-2], "/")
}

func failure(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
