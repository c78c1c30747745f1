package system

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/deploy"
	"switchyard/pipeline"
)

// secretText is what nobody may be shown. It has what JSON and URLs escape.
const secretText = `hush/"hush" & xyzzy`

// withSecret returns the activities that test one property each of every supported type:
// the secret, which an expression brings, stands in it, and in a user property.
func withSecret(expression, after, server string) (activities []string) {
	quoted, _ := json.Marshal("@" + expression)
	secret := string(quoted)
	const nowhere = `"sequenceNumber":999` // the one message is settled with the secret as reason
	usual := map[string]string{
		"ExecutePipeline": `"pipeline":{"referenceName":"Child","type":"PipelineReference"},"waitOnCompletion":true`,
		"Fail":            `"message":"no","errorCode":"42"`, "Filter": `"items":["a"],"condition":true`, "ForEach": `"items":["a"],"activities":[]`,
		"IfCondition": `"expression":{"value":"@true","type":"Expression"}`, "SetVariable": `"variableName":"v","value":"x"`,
		"AppendVariable": `"variableName":"list","value":"x"`, "Switch": `"on":{"value":"a","type":"Expression"}`, "Wait": `"waitTimeInSeconds":1`,
		"Until":       `"expression":{"value":"@true","type":"Expression"},"activities":[]`,
		"WebHook":     `"url":"` + server + `","method":"POST"`,
		"WebActivity": `"url":"` + server + `","method":"GET"`, pipeline.ServiceBusSend: `"queueName":"out","body":"x"`,
		pipeline.ServiceBusSettle: nowhere + `,"outcome":"DeadLetter"`,
	}
	for _, row := range pipeline.ActivityTypes() {
		if !row.Supported {
			continue
		}
		for _, p := range row.Properties {
			if p.Static || p.Branches() {
				continue
			}
			var properties map[string]json.RawMessage
			if err := json.Unmarshal([]byte("{"+usual[row.Name]+"}"), &properties); err != nil {
				panic(row.Name + " needs usual properties here: " + err.Error())
			}
			properties[p.Name] = json.RawMessage(secret)
			switch p.Kind {
			case pipeline.ObjectProperty:
				properties[p.Name] = json.RawMessage(`{"a":` + secret + `,"b":[` + secret + `]}`)
			case pipeline.ScalarsProperty:
				properties[p.Name] = json.RawMessage(`{"a":` + secret + `}`)
			case pipeline.ObjectsProperty:
				properties[p.Name] = json.RawMessage(`{` + nowhere + `,"outcome":"DeadLetter","reason":` + secret + `,"description":` + secret + `}`)
			}
			switch p.Name {
			case "lockToken":
				delete(properties, "sequenceNumber")
			case "reason":
				properties["sequenceNumber"] = json.RawMessage(`"@pipeline().parameters.messages[0].sequenceNumber"`)
			}
			switch {
			case row.Name == "ForEach" || row.Name == "Filter":
				properties["items"] = json.RawMessage(`{"value":"@createArray(` + expression + `)","type":"Expression"}`)
			case row.Name == "Switch":
				delete(properties, "on")
				properties["expression"] = json.RawMessage(`{"value":` + secret + `,"type":"Expression"}`)
			case p.Name == "expression":
				properties[p.Name] = json.RawMessage(`{"value":` + secret + `,"type":"Expression"}`)
			}
			text, _ := json.Marshal(properties)
			service := ""
			if row.LinkedService != "" {
				service = `"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},`
			}
			depends, policy := "", ""
			for _, name := range strings.Fields(after) {
				depends += `{"activity":"` + name + `","dependencyConditions":["Completed"]},`
			}
			if !row.Control {
				policy = `"policy":{"retry":0},`
			}
			activities = append(activities, fmt.Sprintf(`{"name":"%s-%s","type":%q,%s%s"dependsOn":[%s],"userProperties":[{"name":"u","value":%s}],"typeProperties":%s}`,
				row.Name, p.Name, row.Name, service, policy, strings.TrimSuffix(depends, ","), secret, text))
		}
	}
	return activities
}

// TestSecretsAreMaskedWherePeopleRead: a secret, wherever a pipeline has it from and
// whatever text of whatever activity it is put into, is in no line of the log, in no
// answer about runs and in nothing that the trigger writes to a dead letter. What the
// pipeline sends on purpose has it.
func TestSecretsAreMaskedWherePeopleRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if password == "" {
			password = secretText
		}
		var asked struct{ CallBackURI string }
		body, _ := io.ReadAll(r.Body)
		answer, _ := json.Marshal(map[string]string{"token": password, "echo": string(body), "header": fmt.Sprint(r.Header)})
		if json.Unmarshal(body, &asked) == nil && asked.CallBackURI != "" {
			if back, err := http.Post(asked.CallBackURI, "application/json", bytes.NewReader(answer)); err != nil || back.StatusCode != 200 {
				t.Errorf("the callback: %v, %v", back, err)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	defer server.Close()
	web := func(policy, more string) string {
		return `{"name":"Get","type":"WebActivity","policy":{` + policy + `},"typeProperties":{"url":"` + server.URL + `","method":"GET"` + more + `}}`
	}
	const byVault = `,"authentication":{"type":"Basic","username":"me","password":{"type":"AzureKeyVaultSecret","store":{"referenceName":"Vault","type":"LinkedServiceReference"},"secretName":"key"}}`
	value, _ := json.Marshal(secretText)
	for _, c := range []struct{ name, expression, first string }{
		{"parameter", "pipeline().parameters.key", ""},
		{"key vault", "activity('Get').output.token", web("", byVault)},
		{"secure output", "activity('Get').output.token", web(`"secureOutput":true`, "")},
		{"secure input", "variables('secure')", `{"name":"Get","type":"SetVariable","policy":{"secureInput":true},"typeProperties":{"variableName":"secure","value":` + string(value) + `}}`},
		{"echo of a secure input", "activity('Get').output.token", web(`"secureInput":true`,
			`,"authentication":{"type":"Basic","username":"me","password":`+string(value)+`}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := ""
			if c.first != "" {
				after = "Get"
			}
			all := withSecret(c.expression, after, server.URL)
			if len(all) < 40 {
				t.Fatalf("%d properties of activities are tested", len(all))
			}
			if c.first != "" {
				all = append(all, c.first)
			}
			var fails []string // a run that the trigger settles: it fails, and settles nothing itself
			for _, a := range all {
				if strings.Contains(a, `"Fail-`) || strings.Contains(a, `"Get"`) && !strings.Contains(a, "dependsOn") {
					fails = append(fails, a)
				}
			}
			var log recorder
			files := triggered(`{"MaxDeliveryCount":1}`, strings.Join(all, ","))
			files["Config.json"] = strings.Replace(files["Config.json"], `{"Name":"out"}`, `{"Name":"out"},{"Name":"fail","Properties":{"MaxDeliveryCount":1}}`, 1)
			declared := `"variables":{"v":{"type":"String"},"list":{"type":"Array"},"secure":{"type":"String"}},"parameters":{"key":{"type":"SecureString","defaultValue":` + string(value) + `},"plain":{"type":"String","defaultValue":` + string(value) + `},`
			files["pipeline/P.json"] = strings.Replace(files["pipeline/P.json"], `"parameters":{`, declared, 1)
			files["pipeline/Fails.json"] = strings.NewReplacer(`"name":"P"`, `"name":"Fails"`, strings.Join(all, ","), strings.Join(fails, ",")).Replace(files["pipeline/P.json"])
			files["trigger/OnFail.json"] = strings.NewReplacer("OnIn", "OnFail", `"P"`, `"Fails"`, `"in"`, `"fail"`).Replace(files["trigger/OnIn.json"])
			files["pipeline/Child.json"] = `{"name":"Child","properties":{"parameters":{"a":{"type":"String"},"b":{"type":"Array"}},"activities":[
				{"name":"Return","type":"SetVariable","typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
					{"key":"a","value":{"type":"Expression","content":"@pipeline().parameters.a"}},{"key":"b","value":{"type":"Expression","content":"@pipeline().parameters.b[0]"}}]}},
				{"name":"Boom","type":"Fail","dependsOn":[{"activity":"Return"}],"typeProperties":{"message":"@pipeline().parameters.a","errorCode":"@pipeline().parameters.b[0]"}}]}}`
			files["linkedService/Vault.json"] = `{"name":"Vault","properties":{"type":"AzureKeyVault","typeProperties":{"baseUrl":"https://mine.vault.azure.net/"}}}`
			s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, files)}, snapshotEvery: 1,
				Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			if err := s.vault.Set(t.Context(), "key", secretText); err != nil {
				t.Fatal(err)
			}
			c := sdk(t, s)
			sendTo(t, c, "in", "m")
			sendTo(t, c, "fail", "m")
			dead := take(t, c, "fail", azservicebus.SubQueueDeadLetter, 1)[0]
			shown := []string{*dead.DeadLetterReason, *dead.DeadLetterErrorDescription, fmt.Sprint(dead.ApplicationProperties)}
			if dead.ApplicationProperties["FailedActivity"] == nil || dead.ApplicationProperties["ErrorCode"] == nil {
				t.Errorf("the dead letter's properties: %v", dead.ApplicationProperties)
			}
			settled := take(t, c, "in", azservicebus.SubQueueDeadLetter, 1)[0]
			if r := settled.DeadLetterReason; r == nil || *r != secretText {
				t.Errorf("the reason that the pipeline gave is data, got %v", r)
			}
			eventually(t, func() string {
				for _, r := range allRuns(t, s) {
					if !r.Status.Final() {
						return log.find("nothing")
					}
				}
				return "ended"
			})
			if sent := left(t, c, "out"); !slices.Contains(sent, secretText) {
				t.Errorf("what the pipeline gives a message as its id is data, got %q", sent)
			}
			id := s.factories.List("", "")[0].ID
			factory := "/subscriptions/" + id.Subscription + "/resourceGroups/" + id.ResourceGroup + "/providers/Microsoft.DataFactory/factories/" + id.Factory
			const window = `{"lastUpdatedAfter":"2000-01-01T00:00:00Z","lastUpdatedBefore":"2100-01-01T00:00:00Z"}`
			for _, r := range allRuns(t, s) {
				for _, q := range []struct{ method, path, body string }{
					{"GET", "/pipelineruns/" + r.RunID + "?api-version=2018-06-01", ""},
					{"POST", "/pipelineruns/" + r.RunID + "/queryActivityruns?api-version=2018-06-01&items=true", window},
					{"POST", "/queryPipelineRuns?api-version=2018-06-01", window},
					{"POST", "/queryTriggerRuns?api-version=2018-06-01", window},
				} {
					code, body := request(t, s, q.method, factory+q.path, q.body)
					if code != 200 && !strings.Contains(q.path, "Trigger") {
						t.Fatalf("%s %s: %d %s", q.method, q.path, code, body)
					}
					shown = append(shown, body)
				}
			}
			lines := log.String()
			for _, want := range []string{`"msg":"run finished"`, `"msg":"dead-lettered"`, `"msg":"activity finished"`} {
				if !strings.Contains(lines, want) {
					t.Errorf("the log has no %s", want)
				}
			}
			shown = append(shown, strings.Split(lines, "\n")...)
			inJSON, _ := json.Marshal(secretText)
			twice, _ := json.Marshal(string(inJSON))
			for _, text := range shown {
				for _, form := range []string{secretText, strings.Trim(string(inJSON), `"`), string(twice[3 : len(twice)-3]), `hush/\"hush\"`,
					url.QueryEscape(secretText), url.PathEscape(secretText), "hush/%22hush", "xyzzy"} {
					if i := strings.Index(text, form); i >= 0 {
						t.Errorf("shows the secret: …%s…", text[max(0, i-400):min(len(text), i+100)])
						break
					}
				}
			}
		})
	}
}
