package store_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/clock"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/store"
	"switchyard/value"
)

// onDisk returns all bytes of the files in a directory.
func onDisk(t *testing.T, dir string) (all []byte) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, b...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A secret of a run is in no file, neither a small one nor one in the value log. An
// annotation is, or the search would find nothing.
func TestNoSecretOfARunIsInAFile(t *testing.T) {
	const secret, open = "hunter2-hunter2", "public-public"
	web := `{"name":"W","type":"WebActivity","typeProperties":{"method":"POST","url":"http://h/public-public","body":"b"%s}%s}`
	for _, c := range []struct {
		name, pipeline string // SECRET stands for it
	}{
		{"password in the definition", fmt.Sprintf(web, `,"authentication":{"type":"Basic","username":"u","password":{"type":"SecureString","value":"SECRET"}}`, "")},
		{"secret of a service principal", fmt.Sprintf(web, `,"authentication":{"type":"ServicePrincipal","servicePrincipalKey":"SECRET"}`, "")},
		{"Authorization", fmt.Sprintf(web, `,"headers":{"authorization":"Bearer SECRET"}`, "")},
		{"Cookie", fmt.Sprintf(web, `,"headers":{"Cookie":"a=SECRET"}`, "")},
		{"argument", fmt.Sprintf(web, `,"headers":{"x":"@pipeline().parameters.key"}`, "")},
		{"argument in a variable", `{"name":"S","type":"SetVariable","typeProperties":{"variableName":"v","value":"@pipeline().parameters.key"}}`},
		{"argument in the items of a loop", `{"name":"L","type":"ForEach","typeProperties":{"items":"@createArray(pipeline().parameters.key)","activities":[{"name":"S","type":"AppendVariable","typeProperties":{"variableName":"a","value":"@item()"}}]}}`},
		{"secure input", fmt.Sprintf(web, `,"headers":{"x":"SECRET"}`, `,"policy":{"secureInput":true}`)},
		{"secure output", fmt.Sprintf(web, "", `,"policy":{"secureOutput":true}`)},
		{"a description", fmt.Sprintf(web, "", `,"description":"SECRET"`)},
	} {
		for _, size := range []int{1, 1000, 10_000} { // of the last, some is in the value log
			long := strings.Repeat(secret, size)
			parameters := ""
			if strings.Contains(c.pipeline, "parameters.key") {
				parameters = fmt.Sprintf(`"parameters":{"key":{"type":"SecureString","defaultValue":%q}},`, long)
			}
			output := &value.Object{}
			if c.name == "secure output" {
				output.Set("answer", long)
			}
			files := filesOfRun(t, fmt.Sprintf(`{"name":"P","properties":{%s"annotations":[%q],"variables":{"v":{"type":"String"},"a":{"type":"Array"}},"activities":[%s]}}`,
				parameters, open, strings.ReplaceAll(c.pipeline, "SECRET", long)), long, output)
			if n := bytes.Count(files, []byte(secret)); n > 0 {
				t.Errorf("%s, %d times: it is in the files %d times", c.name, size, n)
			}
			if !bytes.Contains(files, []byte(open)) {
				t.Errorf("%s: the files do not hold the annotation", c.name)
			}
		}
	}
}

// filesOfRun runs a pipeline, whose Web activities answer with output, in a factory
// with a global parameter, and returns what is on disk after that.
func filesOfRun(t *testing.T, definition, global string, output *value.Object) []byte {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	s, err := store.Open(dir, store.Options{Logger: slog.New(slog.DiscardHandler)})
	check(err)
	def, diags := pipeline.ParsePipeline("P.json", []byte(definition))
	check(diags.Err())
	f := &pipeline.Factory{Name: "f", GlobalParameters: value.NewObject(value.Member{Name: "g", Value: global})}
	f.PutPipeline(def)
	registry := activity.NewRegistry()
	registry.Register("WebActivity", activity.Executor(func(context.Context, *activity.Call) activity.Result {
		return activity.Result{Output: output}
	}))
	e, err := engine.New(engine.Options{History: s, Log: s, Sealer: s, Clock: clock.Wall{}, Registry: registry})
	check(err)
	check(e.Start(t.Context()))
	id, err := e.CreateRun(t.Context(), f, "P", nil, engine.RunOptions{})
	check(err)
	status, err := e.Wait(t.Context(), id)
	check(err)
	if status != run.Succeeded {
		t.Errorf("the run ends with %s", status)
	}
	files := onDisk(t, dir)
	e.Stop(0)
	check(s.Close())
	return files
}
