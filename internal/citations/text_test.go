package citations

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	root  = "../.."
	specs = root + "/docs/spec"
)

// oasis is the key of the AMQP 1.0 standard, whose text is not in the tree.
const oasis = "OASIS"

// A text is one of the specifications: its sections by number.
type text struct {
	file     string
	sections map[string]*section
	twice    []string // numbers of more than one heading
}

// A section is what stands under a numbered heading, up to the next one.
type section struct {
	items map[string]bool // numbers of its numbered list
}

var (
	keyRow  = regexp.MustCompile("(?m)^\\| `([A-Z-]+)` \\| \\[([a-z-]+\\.md)\\]\\(([a-z-]+\\.md)\\) \\|")
	heading = regexp.MustCompile(`^#+ (?:Part )?(\d+(?:\.\d+)*)\b`)
	item    = regexp.MustCompile(`^(\d+)\. `)
)

// readTexts reads the texts under the keys that docs/spec/README.md gives them.
func readTexts(t *testing.T) map[string]*text {
	t.Helper()
	b, err := os.ReadFile(specs + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]*text{}
	for _, row := range keyRow.FindAllStringSubmatch(string(b), -1) {
		if row[2] != row[3] {
			t.Errorf("docs/spec/README.md: the link %s leads to %s", row[2], row[3])
		}
		texts[row[1]] = readText(t, row[3])
	}
	files, err := filepath.Glob(specs + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) != len(files)-1 || len(texts) < 8 {
		t.Fatalf("docs/spec/README.md gives %d texts a key, the folder holds %d", len(texts), len(files)-1)
	}
	return texts
}

func readText(t *testing.T, file string) *text {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(specs, file))
	if err != nil {
		t.Fatal(err)
	}
	x := parseText(string(b))
	x.file = file
	return x
}

func parseText(s string) *text {
	x := &text{sections: map[string]*section{}}
	var current *section
	code := false
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if code {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			if x.sections[m[1]] != nil {
				x.twice = append(x.twice, m[1])
			}
			current = &section{items: map[string]bool{}}
			x.sections[m[1]] = current
		} else if m := item.FindStringSubmatch(line); m != nil && current != nil {
			current.items[m[1]] = true
		}
	}
	return x
}

// has reports whether number is that of a heading, or of an item in the numbered
// list of a section: 1.8 can be the eighth item under the heading 1.
func (x *text) has(number string) bool {
	if x.sections[number] != nil {
		return true
	}
	dot := strings.LastIndexByte(number, '.')
	if dot < 0 {
		return false
	}
	s := x.sections[number[:dot]]
	return s != nil && s.items[number[dot+1:]]
}

// isStandard reports whether a number can be one of the AMQP 1.0 standard: a
// part from 1 to 5 and a section of it.
func isStandard(number string) bool {
	part, _, ok := strings.Cut(number, ".")
	n, err := strconv.Atoi(part)
	return ok && err == nil && n >= 1 && n <= 5
}

func TestParseText(t *testing.T) {
	x := parseText("# Title\n## 1. One\n1. a\n2. b\n```\n## 7. code\n3. code\n```\n### 1.1 Sub\n4. c\n# Part 2 – Two\n## 2.1 Sub\n## 2.1 Again\n")
	for number, want := range map[string]bool{
		"1": true, "1.1": true, "1.2": true, "1.3": false, "1.4": false, "1.1.4": true, "1.1.1": false,
		"2": true, "2.1": true, "7": false, "3": false, "1.": false, "": false,
	} {
		if got := x.has(number); got != want {
			t.Errorf("has(%q) = %v, want %v", number, got, want)
		}
	}
	if got := strings.Join(x.twice, " "); got != "2.1" {
		t.Errorf("twice = %q, want 2.1", got)
	}
	for number, want := range map[string]bool{"2.5.6": true, "5.3": true, "3": false, "0.1": false, "6.1": false} {
		if got := isStandard(number); got != want {
			t.Errorf("isStandard(%q) = %v, want %v", number, got, want)
		}
	}
}

// TestHeadings: a number stands for one section of a text.
func TestHeadings(t *testing.T) {
	for _, x := range readTexts(t) {
		for _, number := range x.twice {
			t.Errorf("docs/spec/%s: two headings have the number %s", x.file, number)
		}
		if len(x.sections) < 8 {
			t.Errorf("docs/spec/%s: found %d headings: the test reads them wrongly", x.file, len(x.sections))
		}
	}
}
