// Package golden keeps what records look like on disk, version by version, in
// testdata/golden/v<version>/<file>.txt of the package that writes them: a line
// for each record, its name and its bytes.
//
// A line that stands there is what some data directory holds. So -update adds
// lines for new records to the file of the newest version and changes none. A
// record whose bytes change needs a new version.
package golden

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Update is the flag that lets golden files, and pages made of tables, be written.
var Update = flag.Bool("update", false, "write golden files anew; lines of records on disk are only added")

// A Record is a kind of record with an example.
type Record struct {
	Name  string // without spaces
	Value any    // what the bytes decode to
	// Encode returns the bytes of Value.
	Encode func() []byte
	Decode func([]byte) (any, error)
	// Varies says that Encode returns other bytes each time, as sealing does:
	// they are not compared.
	Varies bool
}

// Page compares a page of the documentation with the text that is made of a table; with
// -update it writes the page. A page that is not there, or differs, fails the test.
func Page(t *testing.T, file, want string) {
	t.Helper()
	if *Update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what its table says: run go test . -run '^%s$' -update here", file, t.Name())
	}
}

// Check compares records with the lines of a file in every version from 1 to
// newest. The records of an older version have the values that its bytes decode
// to now: what a later version added is zero in them.
func Check(t *testing.T, file string, newest int, records func(version int) []Record) {
	t.Helper()
	for version := 1; version <= newest; version++ {
		lines := Read(t, file, version)
		known := map[string]bool{}
		byName := func(a, b Record) int { return strings.Compare(a.Name, b.Name) }
		for _, r := range slices.SortedFunc(slices.Values(records(version)), byName) {
			if known[r.Name] {
				t.Errorf("%s, version %d: two records %s", file, version, r.Name)
			}
			known[r.Name] = true
			b, there := lines[r.Name]
			if !there && *Update && version == newest {
				b = r.Encode()
				add(t, file, version, r.Name, b)
			} else if !there {
				t.Errorf("%s, version %d: no line for %s; -update adds one", file, version, r.Name)
				continue
			}
			r.check(t, file, b, version == newest)
		}
		for name := range lines {
			if !known[name] {
				t.Errorf("%s, version %d: nothing reads the record %s any more", file, version, name)
			}
		}
	}
}

func (r Record) check(t *testing.T, file string, b []byte, newest bool) {
	t.Helper()
	if got, err := r.Decode(bytes.Clone(b)); err != nil || !reflect.DeepEqual(got, r.Value) {
		t.Errorf("%s: %s: %s\ndecodes to %+v, %v\nwant %+v", file, r.Name, text(b), got, err, r.Value)
	}
	if !newest || r.Varies {
		return
	}
	if got := r.Encode(); !bytes.Equal(got, b) {
		t.Errorf("%s: %s is written as\n%s\nbut data directories have\n%s\nbytes that change need a new version",
			file, r.Name, text(got), text(b))
	}
}

func name(file string, version int) string {
	return filepath.Join("testdata", "golden", fmt.Sprint("v", version), file+".txt")
}

// Read returns the records of a file by their names; none if it is not there.
func Read(t testing.TB, file string, version int) map[string][]byte {
	t.Helper()
	content, err := os.ReadFile(name(file, version))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	lines := map[string][]byte{}
	for line := range strings.Lines(string(content)) {
		record, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		b, err := parse(rest)
		if err != nil {
			t.Fatalf("%s: %s: %v", name(file, version), record, err)
		}
		lines[record] = b
	}
	return lines
}

func add(t *testing.T, file string, version int, record string, b []byte) {
	t.Helper()
	path := name(file, version)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, record, text(b)); err != nil {
		t.Fatal(err)
	}
}

// text writes bytes so that people can read them: JSON as it is, other text
// quoted, the rest in hex.
func text(b []byte) string {
	control := func(c rune) bool { return !strconv.IsPrint(c) && c != '\n' }
	switch {
	case len(b) == 0 || !utf8.Valid(b) || bytes.ContainsFunc(b, control):
		return hex.EncodeToString(b)
	case b[0] == '{' && !bytes.Contains(b, []byte("\n")):
		return string(b)
	}
	return strconv.Quote(string(b))
}

func parse(s string) ([]byte, error) {
	switch {
	case strings.HasPrefix(s, "{"):
		return []byte(s), nil
	case strings.HasPrefix(s, `"`):
		s, err := strconv.Unquote(s)
		return []byte(s), err
	}
	return hex.DecodeString(s)
}

// WantFull fails for every field of a struct, and of the structs in it, that is
// zero: an example with all fields must follow when a field is added.
func WantFull(t *testing.T, v any) {
	t.Helper()
	full(t, fmt.Sprintf("%T", v), reflect.Indirect(reflect.ValueOf(v)))
}

func full(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
		if v.IsZero() {
			t.Errorf("%s is not set in the example", path)
		}
		return
	}
	for i := range v.NumField() {
		full(t, path+"."+v.Type().Field(i).Name, v.Field(i))
	}
}

// JSON is the record of a value that is written as encoding/json does. Decode is
// json.Unmarshal if it is nil.
func JSON[T any](name string, v T, decode func([]byte) (T, error)) Record {
	if decode == nil {
		decode = func(b []byte) (v T, err error) { err = json.Unmarshal(b, &v); return v, err }
	}
	return Record{Name: name, Value: v,
		Encode: func() []byte {
			b, err := json.Marshal(v)
			if err != nil {
				panic(err)
			}
			return b
		},
		Decode: func(b []byte) (any, error) { return decode(b) },
	}
}
