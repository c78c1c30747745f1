package expr_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"switchyard/expr/exprtest"
	"switchyard/value"
)

// differs names the expressions whose result is not the one of the evaluator that
// Microsoft's testing framework ships, with the reason. An expression that begins to
// agree must leave the table.
var differs = map[string]string{
	"@range(9223372036854775807,1)": "it takes the low 32 bits of a number: [-1]; here what does not fit is an error",
}

// TestEvaluatorVectors compares with the answers of that evaluator, recorded once.
// Where it reports an error, any error agrees: its wording is the sibling service's.
func TestEvaluatorVectors(t *testing.T) {
	vectors := evaluatorVectors(t)
	seen, disagree := map[string]bool{}, 0
	for _, v := range vectors {
		text := value.Text(v.Expr)
		err := v.Check()
		reason, allowed := differs[text]
		switch {
		case err != nil && !allowed:
			t.Error(err)
		case err == nil && allowed:
			t.Errorf("%s agrees; it is listed as different: %s", &v, reason)
		}
		seen[text] = true
		if err != nil {
			disagree++
		}
	}
	for text := range differs {
		if !seen[text] {
			t.Errorf("%s is listed as different and is no vector", text)
		}
	}
	if len(vectors) != 12411 || disagree*1000 > len(vectors) {
		t.Errorf("%d of %d vectors disagree, want at most one in a thousand of 12411", disagree, len(vectors))
	}
}

// evaluatorNow is when the answers were recorded: '2.5' is a day of that year.
const evaluatorNow = "2026-11-26T00:00:00Z"

// evaluatorVectors reads a compressed file of one JSON object in a line. The first
// holds the context of those that say so.
func evaluatorVectors(t *testing.T) []exprtest.Vector {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "expressions-evaluator.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	head, err := value.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	context, _ := head.(*value.Object).Get("context")
	context.(*value.Object).Set("now", evaluatorNow)
	list := append([]byte{'['}, bytes.ReplaceAll(bytes.TrimSpace(rest), []byte("\n"), []byte(","))...)
	list = bytes.ReplaceAll(list, []byte(`, "context": true,`), append(value.Append([]byte(`,"context":`), context), ','))
	vectors, err := exprtest.ParseJSONVectors(append(list, ']'))
	if err != nil {
		t.Fatal(err)
	}
	for i := range vectors {
		if vectors[i].Context == nil {
			vectors[i].Context = value.NewObject(value.Member{Name: "now", Value: evaluatorNow})
		}
	}
	return vectors
}
