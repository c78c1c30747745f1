package expr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/expr"
	"switchyard/expr/exprtest"
	"switchyard/internal/golden"
	"switchyard/value"
)

// TestFunctionReference: docs/expressions.md is the table of functions, with examples
// out of the vectors that the other tests check.
func TestFunctionReference(t *testing.T) {
	golden.Page(t, "../docs/expressions.md", functionReference(t))
}

func functionReference(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`# Expressions

Written from the table in ` + "`expr/functions.go`" + ` by ` + "`go test ./expr -run FunctionReference -update`" + `, with examples out of the
vectors that the tests check. ` + "`switchyard eval`" + ` evaluates any of them:

` + "```sh" + `
echo '{"expr": "@substring(item(), 1, 3)", "context": {"item": "hello"}}' | switchyard eval
` + "```" + `

` + "```text printed" + `
{"value":"ell"}
` + "```" + `

With ` + "`--trace`" + ` it tells what each part of an expression comes to, and what is not evaluated:

` + "```sh" + `
echo '{"expr": "@if(empty(item()), 0, div(6, length(item())))", "context": {"item": "abc"}}' | switchyard eval --trace
` + "```" + `

` + "```text printed" + `
if(empty(item()), 0, div(6, length(item()))) = 2
  empty(item()) = false
    item() = "abc"
  div(6, length(item())) = 2
    length(item()) = 3
      item() = "abc"
` + "```" + `

A text that begins with ` + "`@`" + ` is an expression and keeps its type; ` + "`@{…}`" + ` within a text is replaced by the text of its
value; ` + "`@@`" + ` at the beginning is an ` + "`@`" + `. Texts stand between single quotes, a quote within is doubled. ` + "`.name`" + ` and
` + "`['name']`" + ` take a member and fail without one, ` + "`?.name`" + ` and ` + "`?['name']`" + ` give null; what stands behind a
` + "`?`" + ` on null is not evaluated. Names of functions and members compare without regard to case. There are no
operators. Arguments in brackets may be left out; … stands for more of the same.
What differs from what one expects, with the source of each fact, is in the
[specification](spec/data-factory-expressions.md).
`)
	vectors := examples(t)
	family := expr.Family("")
	for _, f := range expr.Functions() {
		if f.Family != family {
			family = f.Family
			fmt.Fprintf(&b, "\n## %s%s\n\n| function | gives | for example |\n|---|---|---|\n",
				strings.ToUpper(string(family[:1])), family[1:])
		}
		var list []string
		for _, v := range vectors[strings.ToLower(f.Name)] {
			list = append(list, code(v.Expr.(string)[1:])+" = "+code(string(value.Append(nil, v.Want))))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", signature(t, f), f.Doc, strings.Join(list, "<br>"))
	}
	return b.String()
}

// signature writes the arguments of a function, in brackets those that may be left out.
func signature(t *testing.T, f expr.FunctionDoc) string {
	var names []string
	if f.Arguments != "" {
		names = strings.Split(f.Arguments, ", ")
	}
	more := len(names) > 0 && names[len(names)-1] == "…"
	if more {
		names = names[:len(names)-1]
	}
	if more != (f.MaxArgs < 0) || !more && len(names) != f.MaxArgs || len(names) < f.MinArgs {
		t.Errorf("%s takes %d to %d arguments, its row names %q", f.Name, f.MinArgs, f.MaxArgs, f.Arguments)
	}
	text := f.Name + "("
	for i, n := range names {
		if i > 0 {
			n = ", " + n
		}
		if i >= f.MinArgs {
			n = "[" + n + "]"
		}
		text += n
	}
	if more {
		text += ", …"
	}
	return text + ")"
}

// code is a text in a cell of a table.
func code(s string) string { return "`" + strings.ReplaceAll(s, "|", "\\|") + "`" }

// examples finds up to two short vectors for each function, by its name in small
// letters: a call that stands alone and gives a value.
func examples(t *testing.T) map[string][]exprtest.Vector {
	read := func(file string) []byte {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	all, err := exprtest.ParseJSONVectors(read("testdata/expressions.json"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		list, err := exprtest.ParseTextVectors(string(read(file)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	found := map[string][]exprtest.Vector{}
	for _, v := range all {
		text, ok := v.Expr.(string)
		name, _, call := strings.Cut(text, "(")
		key := strings.ToLower(strings.TrimPrefix(name, "@"))
		if !ok || !call || v.WantError || v.Want == nil || v.Context != nil && v.Context.Len() > 0 || !strings.HasSuffix(text, ")") ||
			len(text) > 64 || len(value.Append(nil, v.Want)) > 64 || strings.ContainsAny(text, "`\n\\") || strings.Contains(text, "guid(") || len(found[key]) == 2 {
			continue
		}
		found[key] = append(found[key], v)
	}
	return found
}
