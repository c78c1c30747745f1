package expr_test

import (
	"os"
	"path/filepath"
	"testing"

	"switchyard/expr/exprtest"
	"switchyard/value"
)

// skipped names vectors of the shared file that contradict the specification,
// with the reason.
var skipped = map[string]string{}

func TestSharedVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/expressions.json")
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := exprtest.ParseJSONVectors(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 476 {
		t.Errorf("got %d vectors, want 476", len(vectors))
	}
	for _, v := range vectors {
		if reason, ok := skipped[value.Text(v.Expr)]; ok {
			t.Logf("skip %s: %s", &v, reason)
			continue
		}
		if err := v.Check(); err != nil {
			t.Error(err)
		}
	}
}

// TestTextVectors runs testdata/*.txt, one file per family of functions.
func TestTextVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			vectors, err := exprtest.ParseTextVectors(string(b))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range vectors {
				if err := v.Check(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
