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
	for _, file := range []struct {
		name    string
		vectors int
	}{
		{"expressions.json", 473},
		{"expressions-field.json", 55}, // expressions that people published, with what they got
	} {
		b, err := os.ReadFile(filepath.Join("testdata", file.name))
		if err != nil {
			t.Fatal(err)
		}
		vectors, err := exprtest.ParseJSONVectors(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(vectors) != file.vectors {
			t.Errorf("%s: got %d vectors, want %d", file.name, len(vectors), file.vectors)
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
