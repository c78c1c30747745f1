package system

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchyard/deploy"
)

// A canary is a secret that says where it was put: it is to come up nowhere.
func canary(place string) string { return "canary7q" + place + "9z" }

// secure is a SecureString with a canary.
func secure(place string) string {
	return fmt.Sprintf(`{"type":"SecureString","value":%q}`, canary(place))
}

// hiding are definitions with a canary in each place that can hold a secret, by their paths in
// a factory.
func hiding() map[string]string {
	plain := func(members ...string) (text string) {
		for _, m := range members {
			text += fmt.Sprintf(`,%q:%q`, m, canary("plain-"+m))
		}
		return text
	}
	return map[string]string{
		"linkedservices/Plain": `{"type":"Rest","typeProperties":{"url":"https://a","x":1` + plain("password", "accountKey", "accessKey",
			"secretAccessKey", "servicePrincipalKey", "sasUri", "sasToken", "apiKey", "accessToken", "refreshToken", "functionKey",
			"clientSecret", "passPhrase", "pfx", "privateKey", "sessionToken", "securityToken", "secretKey", "key", "licenseKey",
			"servicePrincipalEmbeddedCert", "servicePrincipalEmbeddedCertPassword", "clusterPassword", "sslPassword") +
			`,"authHeaders":{"x-key":"` + canary("plain-header") + `"}}}`,
		"linkedservices/Secure": `{"type":"RestService","typeProperties":{"url":"https://a","authenticationType":"Basic","userName":"u",
			"password":` + secure("rest-password") + `,"authHeaders":{"x-key":` + secure("auth-header") + `}}}`,
		"linkedservices/Storage": `{"type":"AzureBlobStorage","typeProperties":{"connectionString":"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=` +
			canary("account-key") + `;EndpointSuffix=core.windows.net"}}`,
		"linkedservices/Sql": `{"type":"AzureSqlDatabase","typeProperties":{"connectionString":` + secure("connection") + `,
			"password":` + secure("sql-password") + `}}`,
		"linkedservices/OwnBus": `{"type":"AzureServiceBus","typeProperties":{"connectionString":"Endpoint=sb://a/;SharedAccessKeyName=k;SharedAccessKey=` +
			canary("bus-key") + `"}}`,
		"linkedservices/Declared": `{"type":"RestService","parameters":{"k":{"type":"SecureString","defaultValue":"` + canary("linked-default") +
			`"}},"typeProperties":{"url":"https://a","authenticationType":"Anonymous"}}`,
		"credentials/Principal": `{"type":"ServicePrincipal","typeProperties":{"servicePrincipalId":"i","tenant":"t","servicePrincipalKey":` +
			secure("principal-key") + `}}`,
		"integrationRuntimes/ssis": `{"type":"Managed","typeProperties":{"ssisProperties":{"catalogInfo":{"catalogAdminPassword":` +
			secure("catalog") + `},"customSetupScriptProperties":{"sasToken":` + secure("setup") + `}}}}`,
		"integrationRuntimes/linked": `{"type":"SelfHosted","typeProperties":{"linkedInfo":{"authorizationType":"Key","key":` + secure("linked-key") + `}}}`,
		"datasets/D": `{"type":"Json","linkedServiceName":{"referenceName":"Secure","type":"LinkedServiceReference"},
			"parameters":{"k":{"type":"SecureString","defaultValue":"` + canary("dataset-default") + `"}},
			"typeProperties":{"location":{"type":"HttpServerLocation"},"key":` + secure("dataset") + `}}`,
		"dataflows/F": `{"type":"MappingDataFlow","typeProperties":{"sources":[],"key":` + secure("dataflow") + `}}`,
		"pipelines/Child": `{"parameters":{"k":{"type":"SecureString"}},"activities":[
			{"name":"No","type":"Fail","typeProperties":{"message":"@pipeline().parameters.k","errorCode":"@pipeline().parameters.k"}}]}`,
		"pipelines/P": `{"parameters":{"default":{"type":"SecureString","defaultValue":"` + canary("default") + `"},"given":{"type":"SecureString"}},
			"variables":{"v":{"type":"String"},"all":{"type":"Array"}},"activities":[
			{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"v","value":"@concat(pipeline().parameters.default, pipeline().parameters.given)"}},
			{"name":"Add","type":"AppendVariable","typeProperties":{"variableName":"all","value":"@pipeline().parameters.given"}},
			{"name":"Each","type":"ForEach","typeProperties":{"items":{"value":"@createArray(pipeline().parameters.given)","type":"Expression"},"activities":[
				{"name":"In","type":"AppendVariable","typeProperties":{"variableName":"all","value":"@item()"}}]}},
			{"name":"Web","type":"WebActivity","policy":{"retry":0},"typeProperties":{"url":"http://127.0.0.1:9/","method":"POST","body":{"k":"@pipeline().parameters.given"},
				"headers":{"x-key":` + secure("web-header") + `},
				"authentication":{"type":"Basic","username":"u","password":` + secure("web-password") + `}}},
			{"name":"Vault","type":"WebActivity","policy":{"retry":0},"typeProperties":{"url":"http://127.0.0.1:9/","method":"GET",
				"authentication":{"type":"Basic","username":"u","password":{"type":"AzureKeyVaultSecret","store":{"referenceName":"Vault","type":"LinkedServiceReference"},"secretName":"key"}}}},
			{"name":"Run","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"Child","type":"PipelineReference"},"waitOnCompletion":true,
				"parameters":{"k":"@pipeline().parameters.given"}}}]}`,
		"triggers/T": `{"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Hour","interval":1,"startTime":"2030-01-01T00:00:00Z","timeZone":"UTC"}},
			"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"},"parameters":{"given":` + secure("trigger") + `}}]}`,
	}
}

// canaryMark is how every canary begins.
var canaryMark = []byte("canary7q")

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// found names the canaries in a text.
func found(text []byte) (names []string) {
	for rest := text; ; {
		i := bytes.Index(rest, canaryMark)
		if i < 0 {
			return names
		}
		rest = rest[i+len(canaryMark):]
		name := rest[:min(len(rest), 30)]
		if end := bytes.Index(name, []byte("9z")); end >= 0 {
			name = name[:end]
		}
		if !slices.Contains(names, string(name)) {
			names = append(names, string(name))
		}
	}
}

// TestCanaries: a secret is in no file but sealed, in no line of the log and in no answer,
// wherever it was put: into a definition, a parameter of a run, a vault, or a definition that was refused.
func TestCanaries(t *testing.T) {
	var log recorder
	dir := filepath.Join(t.TempDir(), "data")
	options := Options{DataDir: dir, Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Deployments: []*deploy.Deployment{folder(t, map[string]string{
			"linkedService/Vault.json":  `{"name":"Vault","properties":{"type":"AzureKeyVault","typeProperties":{"baseUrl":"https://mine.vault.azure.net/"}}}`,
			"linkedService/Folder.json": `{"name":"Folder","properties":{"type":"RestService","typeProperties":{"url":"https://a","password":` + secure("folder") + `}}}`,
			"pipeline/Empty.json":       `{"name":"Empty","properties":{"activities":[]}}`,
		})}}
	s := startSystem(t, options)
	noError(t, s.vault.Set(t.Context(), "key", canary("vault")))
	id := s.factories.List("", "")[0].ID
	factory := "/subscriptions/" + id.Subscription + "/resourceGroups/" + id.ResourceGroup + "/providers/Microsoft.DataFactory/factories/" + id.Factory
	var places int
	ask := func(s *System, want int, method, path, body string) string {
		t.Helper()
		code, answer := request(t, s, method, factory+path+"?api-version=2018-06-01", body)
		if code != want {
			t.Fatalf("%s %s: got %d %s, want %d", method, path, code, answer, want)
		}
		if names := found([]byte(answer)); len(names) > 0 {
			t.Errorf("%s %s shows %v: %s", method, path, names, answer)
		}
		return answer
	}
	all := hiding()
	for _, kind := range []string{"linkedservices", "credentials", "integrationRuntimes", "datasets", "dataflows", "pipelines/Child", "pipelines/P", "triggers"} {
		for path, properties := range all {
			if strings.HasPrefix(path, kind) {
				places += len(found([]byte(properties)))
				ask(s, 200, "PUT", "/"+path, `{"properties":`+properties+`}`)
				if kind != "pipelines/P" && kind != "pipelines/Child" {
					ask(s, 400, "PUT", "/"+kind+"/Refused", `{"properties":`+strings.Replace(properties, `"type":`, `"type":5,"was":`, 1)+`}`)
				}
			}
		}
	}
	ask(s, 400, "PUT", "/pipelines/P", `{"properties":`+strings.Replace(all["pipelines/P"], `"Wait`, `5`, 1)+`,"name":"Other"}`)
	run := strings.Split(ask(s, 200, "POST", "/pipelines/P/createRun", `{"given":"`+canary("given")+`"}`), `"`)[3]
	ask(s, 400, "POST", "/pipelines/P/createRun", `{"given":{"no":"`+canary("refused")+`"}}`)
	ask(s, 400, "POST", "/pipelines/P/createRun", `{"gvien":"`+canary("misspelt")+`"}`)
	eventually(t, func() string {
		for _, r := range allRuns(t, s) {
			if !r.Status.Final() {
				return log.find("nothing")
			}
		}
		return "ended"
	})
	show := func(s *System) {
		t.Helper()
		const window = `{"lastUpdatedAfter":"2000-01-01T00:00:00Z","lastUpdatedBefore":"2100-01-01T00:00:00Z"}`
		for path := range all {
			ask(s, 200, "GET", "/"+path, "")
			kind, _, _ := strings.Cut(path, "/")
			ask(s, 200, "GET", "/"+kind, "")
		}
		ask(s, 200, "GET", "", "")
		for _, r := range allRuns(t, s) {
			ask(s, 200, "GET", "/pipelineruns/"+r.RunID, "")
			ask(s, 200, "POST", "/pipelineruns/"+r.RunID+"/queryActivityruns", window)
		}
		ask(s, 200, "POST", "/queryPipelineRuns", window)
		ask(s, 200, "POST", "/querytriggers", "{}")
		ask(s, 200, "POST", "/queryTriggerRuns", window)
	}
	show(s)
	noError(t, s.Stop())
	s = startSystem(t, options) // what is read again is no more to be seen
	show(s)
	if p, err := s.engine.Parameters(run); err != nil || !strings.Contains(fmt.Sprint(p), canary("given")) {
		t.Errorf("the run's own parameter: %v, %v; want the canary, sealed and read again", p, err)
	}
	noError(t, s.Stop())
	if names := found([]byte(log.String())); len(names) > 0 {
		t.Errorf("the log shows %v", names)
	}
	files := 0
	noError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if names := found(b); len(names) > 0 {
			t.Errorf("%s has %v", strings.TrimPrefix(path, dir), names)
		}
		files++
		return err
	}))
	if places < 30 || files < 5 {
		t.Errorf("looked for the canaries of %d places in %d files", places, files)
	}
}
