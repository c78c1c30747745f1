package main

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// outputs are the sections of docs/output.md whose tables have every member of an answer,
// with commands that print them all. Those of records of Data Factory's REST interface
// are left out: they are not ours to define.
var outputs = []struct {
	section  string
	commands []string // for the shell
	// as are members that have those of another answer.
	as map[string]string
	// rare are documented members that these commands do not bring about.
	rare []string
}{
	{section: "Errors", commands: []string{"switchyard validate bad --output json 2>&1 >/dev/null"},
		as: map[string]string{"error.diagnostics": "validate"}},
	{section: "Servers: `up`, `down`", commands: []string{"cat up.json"}},
	{section: "`status`", commands: []string{"switchyard status --output json"},
		as: map[string]string{"namespaces[].topics[].subscriptions": "status"}},
	{section: "`health`", commands: []string{"switchyard health --output json"}, rare: []string{"causes"}},
	{section: "`env`", commands: []string{"switchyard env --output json"}},
	{section: "`version`", commands: []string{"switchyard version --output json"}},
	{section: "`validate`", commands: []string{"switchyard validate dir --output json", "switchyard validate bad --output json"}},
	{section: "`eval --trace`", commands: []string{
		`echo '{"expr":"@length(range(1,9999))"}' | switchyard eval --trace --output json`,
		`echo '{"expr":"@nope()"}' | switchyard eval --trace --output json`},
		as: map[string]string{"trace[].parts": "trace[]"}, rare: []string{"trace[].valueBegins", "trace[].valueIs"}},
	{section: "`deploy`", commands: []string{"switchyard deploy dir --output json", "switchyard deploy bad --output json"},
		as: map[string]string{"diagnostics": "validate"}},
	{section: "`secret set`, `secret delete`",
		commands: []string{"echo x | switchyard secret set gone --output json", "switchyard secret delete gone --output json"}},
	{section: "`secret list`", commands: []string{"switchyard secret list --output json"}, rare: []string{"damage"}},
	{section: "`triggers preview`", commands: []string{
		"switchyard triggers preview W --folder timed --from 2026-01-01 --to 4h --output json",
		"switchyard triggers preview S --folder timed --from 2026-01-01 --to 2h --output json"}},
	{section: "`run --list`", commands: []string{"switchyard run dir --list --output json"}},
	{section: "`run --trigger`", commands: []string{"switchyard run dir --trigger T --message lines --output json"},
		as: map[string]string{"settlements": "testing-pipelines.md", "runs": "runs", "messages": "a queue's name"}},
	{section: "Messages: `receive`, `peek`", commands: []string{"cat received", "switchyard peek later --output json"},
		as:   map[string]string{"applicationProperties": "of the sender", "body": "of the sender"},
		rare: []string{"deadLetterSource", "partitionKey", "replyToSessionId"}},
}

// TestOutputPage: docs/output.md has the members that are printed, all of them and no
// others.
func TestOutputPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shell := func(command string) string {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SWITCHYARD_DATA="+filepath.Join(dir, "data"), "TMPDIR="+dir)
		out, _ := cmd.Output() // some fail: their answers are looked at
		return string(out)
	}
	for name, text := range outputFiles {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shell("switchyard up dir --detach --amqp-address 127.0.0.1:0 --http-address 127.0.0.1:0 --output json >up.json")
	defer shell("switchyard down")
	shell(outputBegin)
	for _, o := range outputs {
		documented := membersOf(string(page), o.section)
		printed := map[string]bool{}
		for _, c := range o.commands {
			answers := shell(c)
			if answers == "" {
				t.Errorf("%s: nothing is printed", c)
			}
			for line := range strings.Lines(answers) {
				var v any
				if err := json.Unmarshal([]byte(line), &v); err != nil {
					t.Errorf("%s: %q: %v", c, line, err)
				}
				flatten(v, "", func(path string) bool { _, other := o.as[path]; printed[path] = true; return !other })
			}
		}
		for path := range printed {
			if !covered(documented, path) {
				t.Errorf("docs/output.md, %s: %s is printed and not documented", o.section, path)
			}
		}
		for _, path := range documented {
			if !printed[path] && !slices.Contains(o.rare, path) {
				t.Errorf("docs/output.md, %s: %s is documented and not printed; printed are %q", o.section, path,
					slices.Sorted(maps.Keys(printed)))
			}
		}
	}
}

// membersOf are the members that stand in the table of a section.
func membersOf(page, section string) (list []string) {
	_, rest, _ := strings.Cut(page, "\n## "+section+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	for line := range strings.Lines(rest) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				list = append(list, m[1])
			}
		}
	}
	return list
}

// covered reports whether a member is documented, or one in it is.
func covered(documented []string, path string) bool {
	return slices.ContainsFunc(documented, func(d string) bool {
		rest, ok := strings.CutPrefix(d, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// flatten tells of every member by its path; f says whether to look into it.
func flatten(v any, path string, f func(path string) bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			at := strings.TrimPrefix(path+"."+name, ".")
			if f(at) {
				flatten(x, at, f)
			}
		}
	case []any:
		for _, x := range v {
			if _, ok := x.(map[string]any); ok {
				flatten(x, path+"[]", f)
			}
		}
	}
}

// outputBegin makes what the commands show.
const outputBegin = `
echo x | switchyard secret set kept
switchyard send q '{"a":1}' --content-type application/json --subject s --correlation-id c --session s --to t --reply-to r --ttl 1h --property '{"n":1}'
printf '\377' | switchyard send q --ttl 1h
switchyard send later x --at 1h
switchyard receive q --count 1 --peek-lock --output json >received
switchyard receive q --count 1 --output json >>received
switchyard send dead d
switchyard receive dead --count 1 --abandon
switchyard receive dead --count 1 --dead-letter --output json >>received`

var outputFiles = map[string]string{
	"lines": `{"body":"x"}` + "\n",
	"dir/Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"q"},{"Name":"later"},{"Name":"in"},
		{"Name":"dead","Properties":{"MaxDeliveryCount":1}}],"Topics":[{"Name":"t","Subscriptions":[{"Name":"s"}]}]}]}}`,
	"dir/linkedService/Bus.json": `{"name":"Bus","properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"test-ns.servicebus.windows.net"}}}`,
	"dir/pipeline/P.json":        `{"name":"P","properties":{"parameters":{"n":{"type":"Int","defaultValue":1}},"activities":[]}}`,
	"dir/trigger/T.json": `{"name":"T","properties":{"type":"ServiceBusTrigger","runtimeState":"Started",
		"typeProperties":{"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"queueName":"in"},
		"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}]}}`,
	"timed/trigger/S.json": `{"name":"S","properties":{"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Hour","startTime":"2026-01-01T00:00:00Z"}}}}`,
	"timed/trigger/W.json": `{"name":"W","properties":{"type":"TumblingWindowTrigger","typeProperties":{"frequency":"Hour","interval":1,
		"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1,"dependsOn":[{"type":"SelfDependencyTumblingWindowTriggerReference","offset":"-01:00:00"}]}}}`,
	"bad/pipeline/P.json": `{"name":"P","properties":{"activities":[{"name":"A","type":"Weight"}]}}`,
}
