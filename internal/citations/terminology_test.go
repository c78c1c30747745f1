package citations

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// declaration is a name in the last column of docs/terminology.md: a package
// below the root and what it declares.
var declaration = regexp.MustCompile("`([a-z]+(?:/[a-z]+)*)\\.([A-Z][A-Za-z]*)`")

// TestTerminology: what defines a word exists in the code.
func TestTerminology(t *testing.T) {
	b, err := os.ReadFile(root + "/docs/terminology.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]map[string]bool{}
	found, n := 0, 0
	for line := range strings.Lines(string(b)) {
		n++
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.Contains(line, "---") || strings.Contains(line, "in the code") {
			if strings.HasPrefix(line, "|") && len(cells) != 6 {
				t.Errorf("docs/terminology.md:%d: the row has %d cells, want 4", n, len(cells)-2)
			}
			continue
		}
		names := declaration.FindAllStringSubmatch(cells[4], -1)
		if len(names) == 0 {
			t.Errorf("docs/terminology.md:%d: the term has no declaration", n)
		}
		for _, m := range names {
			found++
			if declared[m[1]] == nil {
				declared[m[1]] = declarations(t, m[1])
			}
			if !declared[m[1]][m[2]] {
				t.Errorf("docs/terminology.md:%d: package %s declares no %s", n, m[1], m[2])
			}
		}
	}
	if found < 50 {
		t.Errorf("found %d declarations: the test reads the table wrongly", found)
	}
}

// named is a declaration or a method that a document names, and a source file.
var (
	named  = regexp.MustCompile("`([a-z]+(?:/[a-z]+)*)\\.([A-Z][A-Za-z]*(?:\\.[A-Z][A-Za-z]*)?)`")
	source = regexp.MustCompile("`([a-z]+(?:/[a-z]+)*/[a-z]+\\.go)`")
)

// TestDocumentsNameWhatIs: declarations, methods and files that these documents name
// exist, so that a reader finds them.
func TestDocumentsNameWhatIs(t *testing.T) {
	declared := map[string]map[string]bool{}
	for file, least := range map[string]int{"docs/architecture.md": 40, "CONTRIBUTING.md": 6} {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			found++
			if declared[m[1]] == nil {
				declared[m[1]] = declarations(t, m[1])
			}
			if !declared[m[1]][m[2]] {
				t.Errorf("%s: package %s declares no %s", file, m[1], m[2])
			}
		}
		for _, m := range source.FindAllStringSubmatch(string(b), -1) {
			found++
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		if found < least {
			t.Errorf("%s: found %d names, want %d at least: the test reads it wrongly", file, found, least)
		}
	}
}

// nameOf is a function's name, a method's after that of its type.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if p, ok := of.(*ast.StarExpr); ok {
		of = p.X
	}
	if x, ok := of.(*ast.IndexExpr); ok {
		of = x.X
	}
	id, _ := of.(*ast.Ident)
	return id.Name + "." + f.Name.Name
}

// declarations returns the names that a package declares at its top level, methods
// after their type.
func declarations(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	sources, err := fs.Glob(os.DirFS(filepath.Join(root, pkg)), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, pkg, source), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				names[nameOf(f)] = true
			}
			gen, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range s.Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}
