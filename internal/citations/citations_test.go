// Package citations checks that what the tree cites from docs/spec is there.
// docs/spec/README.md says how a citation is written.
package citations

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// citation is anything that looks like one, whatever its key. RFCs are cited
	// in other ways as well and are not ours to check.
	citation = regexp.MustCompile(`\[([A-Z][A-Z-]*[A-Z]) (\d[^\]\n]*)\]`)
	numbers  = regexp.MustCompile(`^\d+(\.\d+)*(, \d+(\.\d+)*)*$`)
	// broken is a citation that goes on in the next line, where no search finds it.
	broken = regexp.MustCompile(`\[[A-Z][A-Z-]*[A-Z]( \d[\d., ]*)?$`)

	// unkeyed are the ways in which comments named a section before there were
	// keys, when a reader had to guess the text.
	unkeyed = []*regexp.Regexp{
		regexp.MustCompile(`(?i)\bsections?\s+\d`),
		regexp.MustCompile(`§\s*\d+(\.\d+)*\b`),
		regexp.MustCompile(`\.md,?\s+\d`),
		regexp.MustCompile(`(^|[^\[\w-])(AMQP|ARM|REST|semantics|engine|expressions)\s+\d+\.[1-9]`),
	}
	rfcBefore = regexp.MustCompile(`RFC \d+,?\s*$`)
	rfcAfter  = regexp.MustCompile(`^[\d.]*\s+of\s+RFC\b`)
)

// atLeast is about half of the citations that each key had when this test was
// written: if fewer are found, the test no longer looks where they are.
var atLeast = map[string]int{
	"SB-AMQP": 60, "SB-SEM": 30, "ENGINE": 40, "EXPR": 30, "ADF-REST": 12, "ARM": 45, oasis: 1,
}

// extensions are those of the files that may cite.
var extensions = []string{".go", ".md", ".txt", ".txtar", ".sh", ".mjs", ".py"}

// files calls f with the path below the root and the content of every file of
// the tree that may cite, that of other modules included.
func files(t *testing.T, f func(name, content string)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && strings.HasPrefix(name, ".") || name == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains(extensions, filepath.Ext(path)) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		n++
		f(filepath.ToSlash(rel), string(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 300 {
		t.Fatalf("found %d files: the test looks in the wrong place", n)
	}
}

// check returns what is wrong with the citations of one line, and counts each
// section that is cited under its key.
func check(texts map[string]*text, line string, count map[string]int) (faults []string) {
	if broken.MatchString(line) {
		faults = append(faults, "a citation goes on in the next line; it must stand in one")
	}
	for _, m := range citation.FindAllStringSubmatch(line, -1) {
		key, list := m[1], m[2]
		x := texts[key]
		switch {
		case key == "RFC":
			continue
		case x == nil && key != oasis:
			faults = append(faults, fmt.Sprintf("%s: docs/spec/README.md has no key %s", m[0], key))
			continue
		case !numbers.MatchString(list):
			faults = append(faults, fmt.Sprintf("%s: want [%s 1.2] or [%[2]s 1.2, 3]", m[0], key))
			continue
		}
		for number := range strings.SplitSeq(list, ", ") {
			count[key]++
			if key == oasis && !isStandard(number) {
				faults = append(faults, fmt.Sprintf("%s: %s is not a part from 1 to 5 and a section", m[0], number))
			} else if key != oasis && !x.has(number) {
				faults = append(faults, fmt.Sprintf("%s: docs/spec/%s has no section %s", m[0], x.file, number))
			}
		}
	}
	return faults
}

// TestCitations: every citation leads to a section.
func TestCitations(t *testing.T) {
	texts := readTexts(t)
	count := map[string]int{}
	files(t, func(name, content string) {
		n := 0
		for line := range strings.Lines(content) {
			n++
			for _, fault := range check(texts, strings.TrimRight(line, "\r\n"), count) {
				t.Errorf("%s:%d: %s", name, n, fault)
			}
		}
	})
	for key, least := range atLeast {
		if count[key] < least {
			t.Errorf("found %d citations of %s, want at least %d", count[key], key, least)
		}
	}
}

// TestUnkeyed: comments name the text they cite. In files that are not Go a
// comment is a line that starts with #.
func TestUnkeyed(t *testing.T) {
	comments := 0
	report := func(name string, line int, comment string) {
		comments++
		for _, at := range unkeyedIn(comment) {
			t.Errorf("%s:%d: cite the section by key, as docs/spec/README.md says: %.40q", name, line+strings.Count(comment[:at], "\n"), comment[at:])
		}
	}
	files(t, func(name, content string) {
		switch filepath.Ext(name) {
		case ".go":
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Error(err)
				return
			}
			for _, group := range f.Comments {
				var lines []string // as they stand, without the slashes
				for _, c := range group.List {
					lines = append(lines, strings.TrimLeft(c.Text, "/"))
				}
				report(name, fset.Position(group.Pos()).Line, strings.Join(lines, "\n"))
			}
		case ".txt", ".txtar", ".sh":
			n := 0
			for line := range strings.Lines(content) {
				n++
				if strings.HasPrefix(line, "#") {
					report(name, n, line)
				}
			}
		}
	})
	if comments < 3000 {
		t.Errorf("found %d comments: the test looks in the wrong place", comments)
	}
}

// unkeyedIn returns where a comment cites one of our texts in an old way.
func unkeyedIn(comment string) (at []int) {
	for _, re := range unkeyed {
		for _, m := range re.FindAllStringIndex(comment, -1) {
			if rfcBefore.MatchString(comment[:m[0]]) || rfcAfter.MatchString(comment[m[1]:]) {
				continue
			}
			at = append(at, m[0])
		}
	}
	return at
}

// The examples have no brackets around them, lest TestCitations finds them here.
func TestCheck(t *testing.T) {
	texts := map[string]*text{"ARM": parseText("## 1. One\n1. a\n### 1.2 Two\n")}
	for _, c := range []struct{ citation, want string }{
		{"ARM 1", ""},
		{"ARM 1.1, 1.2", ""},
		{"OASIS 2.5.6", ""},
		{"RFC 6749", ""},
		{"ARM 1.3", "has no section 1.3"},
		{"ARM 1, 2", "has no section 2"},
		{"ARM 1 and 1.2", "want"},
		{"ARM 1.2,1", "want"},
		{"OASIS 7.1", "not a part from 1 to 5"},
		{"OASIS 3", "not a part from 1 to 5"},
		{"ENGINE 1", "has no key ENGINE"},
	} {
		got := strings.Join(check(texts, "// See ["+c.citation+"].", map[string]int{}), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("check(%q) = %q, want %q", c.citation, got, c.want)
		}
	}
	for _, line := range []string{"// as [ARM", "// as [ARM 1.2,"} {
		if got := check(texts, line, map[string]int{}); len(got) != 1 {
			t.Errorf("check(%q) = %q, want one fault", line, got)
		}
	}
}

func TestUnkeyedIn(t *testing.T) {
	for _, c := range []struct {
		comment string
		want    int
	}{
		{"(section 9.3)", 1},
		{"Sections 1 and 2", 1},
		{"a section\n 3.4", 1},
		{"AMQP section 7.3", 1},
		{"service-bus-semantics.md 2.4", 1},
		{"semantics 2.2", 1},
		{"§4.4", 1},
		{"(RFC 6749, section 5.2)", 0},
		{"(RFC 6749,\n section\n 5.2)", 0},
		{"section 5.2 of RFC 6749", 0},
		{"AMQP 1.0", 0},
		{"§ 139b AO", 0},
		{"the body sections of a message", 0},
		{"[SB-AMQP 9.3]", 0},
	} {
		if got := unkeyedIn(c.comment); len(got) != c.want {
			t.Errorf("unkeyedIn(%q) = %v, want %d", c.comment, got, c.want)
		}
	}
}
