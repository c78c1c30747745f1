// Package layering states which package may import which, and keeps it so.
package layering

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows says what each package may import of ours, beside packages below itself.
// A package that is not listed fails the test: the change that adds it
// states its arrows here. "x/..." stands for x and everything below it.
var arrows = map[string][]string{
	"clock":      {},
	"commit":     {},
	"value":      {},
	"value/read": {"value"},
	"spelling":   {},
	"expr":       {"value", "spelling"},
	"language":   {},
	"held":       {},
	"listen":     {"held"},
	"memory":     {},
	"compute":    {"memory"},
	"health":     {},
	"callback":   {"memory", "value", "pipeline/activity", "pipeline/engine", "pipeline/run"},
	"config":     {"spelling"},
	"auth":       {},

	"descriptors": {},
	"eventlog":    {"bridge", "broker", "client", "clock", "deploy", "pipeline/engine", "pipeline/factory", "servicebus"},

	"amqp":          {"amqp/..."},
	"amqp/encoding": {},
	"amqp/frames":   {"amqp/encoding"},
	"amqp/sasl":     {"amqp/encoding", "amqp/frames"},
	"amqp/amqpnet":  {"clock", "held", "memory", "amqp", "amqp/..."},

	"broker":             {"clock", "commit", "broker/description", "broker/entity", "broker/filter"},
	"broker/description": {"value"},
	"broker/entity":      {"broker/description", "broker/filter"},
	"broker/brokertest":  {"clock", "broker", "broker/description", "broker/filter", "commit"},

	"servicebus": {"value", "clock", "held", "memory", "amqp/...", "broker", "broker/filter", "auth", "commit"},

	"expr/exprtest":              {"expr", "value"},
	"pipeline":                   {"expr", "spelling", "value", "value/read"},
	"pipeline/recurrence":        {"expr", "value", "value/read", "pipeline"},
	"pipeline/run":               {"expr", "value", "pipeline"},
	"pipeline/activity":          {"clock", "compute", "memory", "value", "value/read", "pipeline", "pipeline/fence", "commit"},
	"pipeline/fence":             {},
	"pipeline/trigger":           {"clock", "memory", "expr", "value", "pipeline", "pipeline/engine", "pipeline/recurrence", "pipeline/run", "commit"},
	"pipeline/engine":            {"clock", "compute", "memory", "expr", "value", "pipeline", "pipeline/run", "pipeline/activity", "commit"},
	"pipeline/engine/enginetest": {"pipeline/engine", "commit"},

	"bridge": {"clock", "auth", "broker", "commit", "value", "pipeline", "pipeline/activity", "pipeline/engine", "pipeline/trigger", "servicebus"},

	"client":           {"auth", "auth/identityhttp", "broker/description", "pipeline", "value", "vault"},
	"ports":            {"commit", "listen"},
	"status":           {"broker", "client", "pipeline", "pipeline/engine", "pipeline/run", "servicebus"},
	"deploy":           {"auth", "ports", "broker", "broker/description", "broker/filter", "value", "value/read", "pipeline", "pipeline/recurrence"},
	"deploy/provision": {"arm", "auth", "broker", "broker/description", "client", "commit", "deploy", "pipeline", "pipeline/factory", "value"},
	"identity":         {"arm", "arm/resourcesrp", "auth/identityhttp", "auth/issuer", "commit", "pipeline/factory", "auth"},
	"vault":            {"clock", "commit", "pipeline"},
	"vault/azure":      {"clock", "pipeline", "pipeline/fence", "value"},
	"trial":            {"bridge", "broker", "clock", "pipeline", "pipeline/activity", "pipeline/engine", "pipeline/factory", "pipeline/run", "pipeline/trigger", "value", "value/read"},
	"store":            {"clock", "commit", "broker", "pipeline/engine"},
	"system":           {"..."},
	"system/killtest":  {"client", "value"},

	"arm":               {"clock", "commit", "memory", "value", "value/read"},
	"arm/armtest":       {"arm", "commit", "internal/golden"},
	"arm/resourcesrp":   {"arm", "clock", "commit", "value"},
	"arm/servicebusrp":  {"arm", "auth", "broker", "broker/description", "broker/filter", "clock", "commit", "value"},
	"arm/datafactoryrp": {"pipeline/engine", "pipeline/recurrence", "pipeline/run", "pipeline/trigger", "arm", "commit", "value", "pipeline", "pipeline/factory"},
	"pipeline/factory":  {"clock", "commit", "value", "pipeline", "pipeline/engine", "pipeline/recurrence"},
	"auth/authtest":     {},
	"auth/issuer":       {"auth"},
	"auth/identityhttp": {"auth", "auth/issuer"},
	"broker/filter":     {"value"},

	"bench/floor":            {"clock", "amqp/..."},
	"bench/runs":             {"clock", "bench/workload"},
	"bench/runs/floor":       {"clock", "bench/runs", "bench/workload"},
	"bench/workload":         {"auth", "clock"},
	"examples":               {},
	"examples/approval":      {"examples/approval/desk"},
	"examples/approval/desk": {},
	"internal/golden":        {},
	"cmd/switchyard":         {"bench/runs", "bench/workload", "pipeline/activity", "pipeline/engine", "client", "clock", "compute", "listen", "memory", "auth/issuer", "system", "config", "deploy", "identity", "expr", "value", "expr/exprtest", "pipeline", "pipeline/fence", "pipeline/recurrence", "pipeline/run", "examples", "trial", "vault", "eventlog"},
}

// onlyFrom lists packages that few may import: the wiring stays in one place.
var onlyFrom = map[string][]string{
	"store":             {"system"},
	"servicebus":        {"system", "bridge", "eventlog", "status"},
	"arm/resourcesrp":   {"system", "identity"},
	"arm/servicebusrp":  {"system"},
	"arm/datafactoryrp": {"system"},
	"deploy/provision":  {"system"},
	"identity":          {"system", "cmd/switchyard"},
	"system":            {"cmd/switchyard"},
}

// cores are pure: values in, values out.
var cores = []string{"amqp", "amqp/encoding", "amqp/frames", "amqp/sasl", "broker/description", "broker/entity", "broker/filter", "value", "value/read", "expr", "pipeline", "pipeline/recurrence", "pipeline/run"}

// impure are the standard packages that a core does not import.
var impure = []string{"net", "net/http", "os", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "os/exec", "syscall", "sync"}

// sharedCaches may import sync: their only goroutine-safe state is a bounded
// cache of parsed expressions, which changes no result.
var sharedCaches = []string{"expr"}

const root = "../.."

type file struct {
	pkg, name string
	ast       *ast.File
	imports   []string
}

func sources(t *testing.T) []file {
	t.Helper()
	var files []file
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path == root {
				return nil
			}
			if n := d.Name(); strings.HasPrefix(n, ".") || n == "testdata" || n == "node_modules" {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		entry := file{pkg: filepath.ToSlash(rel), name: filepath.ToSlash(path), ast: f}
		for _, im := range f.Imports {
			p, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			entry.imports = append(entry.imports, p)
		}
		files = append(files, entry)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("found %d source files: the test looks in the wrong place", len(files))
	}
	return files
}

func allowed(from, to string) bool {
	if from == to || strings.HasPrefix(to, from+"/internal/") {
		return true
	}
	return slices.ContainsFunc(arrows[from], func(a string) bool { return points(a, to) })
}

// points reports whether an arrow leads to a package.
func points(arrow, to string) bool {
	base, all := strings.CutSuffix(arrow, "...")
	return arrow == to || all && (strings.HasPrefix(to, base) || to == strings.TrimSuffix(base, "/"))
}

func TestArrows(t *testing.T) {
	for _, f := range sources(t) {
		if _, ok := arrows[f.pkg]; !ok {
			t.Errorf("%s: package %s has no arrows; state them in this test", f.name, f.pkg)
			continue
		}
		for _, im := range f.imports {
			to, ours := strings.CutPrefix(im, "switchyard/")
			if !ours {
				continue
			}
			if !allowed(f.pkg, to) {
				t.Errorf("%s: %s must not import %s", f.name, f.pkg, to)
			}
			if by, limited := onlyFrom[to]; limited && !slices.Contains(by, f.pkg) {
				t.Errorf("%s: only %v may import %s", f.name, by, to)
			}
		}
	}
}

// TestNoIdleArrow: every arrow, and every name of a list, is used by somebody.
// One that nobody uses would allow what nobody has thought about.
func TestNoIdleArrow(t *testing.T) {
	imports := map[string]map[string]bool{} // package -> what it imports of ours
	imported := map[string]bool{}           // anything that is imported, as from -> to
	for _, f := range sources(t) {
		if imports[f.pkg] == nil {
			imports[f.pkg] = map[string]bool{}
		}
		for _, im := range f.imports {
			to, ours := strings.CutPrefix(im, "switchyard/")
			if ours {
				imports[f.pkg][to] = true
			}
			imported[f.pkg+" -> "+im] = true
		}
	}
	for from, list := range arrows {
		if imports[from] == nil {
			t.Errorf("package %s has arrows and no source", from)
			continue
		}
		for i, a := range list {
			used := false
			for to := range imports[from] {
				// What another arrow of the list names exactly does not use a pattern.
				used = used || points(a, to) && (a == to || !slices.Contains(list, to))
			}
			if !used {
				t.Errorf("package %s uses nothing of the arrow %q", from, a)
			}
			if slices.Contains(list[:i], a) {
				t.Errorf("package %s has the arrow %q twice", from, a)
			}
		}
	}
	for to, by := range onlyFrom {
		for _, from := range by {
			if !imports[from][to] {
				t.Errorf("%s may import %s and does not", from, to)
			}
		}
	}
	for _, core := range cores {
		if imports[core] == nil {
			t.Errorf("the core %s has no source", core)
		}
	}
	for _, pkg := range sharedCaches {
		if !imported[pkg+" -> sync"] {
			t.Errorf("%s may import sync and does not", pkg)
		}
	}
}

func TestCoresArePure(t *testing.T) {
	for _, f := range sources(t) {
		if !slices.Contains(cores, f.pkg) {
			continue
		}
		for _, im := range f.imports {
			if im == "sync" && slices.Contains(sharedCaches, f.pkg) {
				continue
			}
			if slices.Contains(impure, im) {
				t.Errorf("%s: the core %s imports %s", f.name, f.pkg, im)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: the core %s starts a goroutine", f.name, f.pkg)
			}
			return true
		})
	}
}

// TestOneClock: what needs the time is given a clock; only clock itself and the
// command ask the machine.
func TestOneClock(t *testing.T) {
	for _, f := range sources(t) {
		// Packages whose name ends in test are for tests only.
		if f.pkg == "clock" || strings.HasPrefix(f.pkg, "cmd/") || strings.HasSuffix(f.pkg, "test") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && (sel.Sel.Name == "Now" || sel.Sel.Name == "Since" || sel.Sel.Name == "Until") {
				t.Errorf("%s: %s calls time.%s; take a clock instead", f.name, f.pkg, sel.Sel.Name)
			}
			return true
		})
	}
}

// TestSystemIsWiring: system starts, stops and connects; what does more than that
// has a package of its own.
func TestSystemIsWiring(t *testing.T) {
	const maxLines, maxMethods = 1220, 25
	lines, methods := 0, 0
	for _, f := range sources(t) {
		if f.pkg != "system" {
			continue
		}
		b, err := os.ReadFile(f.name)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(b), "\n")
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && receiver(fn) == "System" {
				methods++
			}
		}
	}
	if lines >= maxLines || methods > maxMethods || methods == 0 {
		t.Errorf("system has %d lines and System %d methods; want under %d lines and at most %d methods",
			lines, methods, maxLines, maxMethods)
	}
}

// receiver returns the name of a method's type.
func receiver(fn *ast.FuncDecl) string {
	t := fn.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	id, _ := t.(*ast.Ident)
	if id == nil {
		return ""
	}
	return id.Name
}
