package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A directory that somebody else filled is refused by name, and nothing is written
// to it. One that is empty, nearly so, or half made by a start that was killed is not.
func TestForeignDirectory(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   []string // a slash at the end: a directory
		foreign string   // in the error; "": it opens
	}{
		{"absent", nil, ""},
		{"the top of a file system", []string{"lost+found/"}, ""},
		{"an empty one under version control", []string{".gitkeep"}, ""},
		{"killed before the lock", []string{"db/"}, ""},
		{"killed before the key", []string{"db/LOCK", "db/000002.log"}, ""},
		{"killed while the key was written", []string{"db/LOCK", "secret.key.new"}, ""},
		{"documents", []string{"README", "adduser/README", "zlib/README"}, "README, adduser, zlib"},
		{"many", []string{"a", "b", "c", "d"}, "a, b, c, …"},
		{"a home with a data directory in it", []string{".bashrc", "db/"}, ".bashrc"},
		{"a folder of a factory", []string{"factory/f.json", "pipeline/p.json"}, "factory, pipeline"},
		{"another database", []string{"db/app.sqlite"}, "db/app.sqlite"},
		{"another's format", []string{"format", "index"}, "format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			for _, name := range c.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(name, "/") {
					if err := os.MkdirAll(path, 0o700); err != nil {
						t.Fatal(err)
					}
				} else if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := tree(t, dir)
			s, err := Open(dir, testOptions(t, Options{}))
			if err == nil {
				closeTest(t, s)
			}
			if c.foreign == "" {
				if err != nil {
					t.Errorf("Open = %v", err)
				}
				return
			}
			if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "holds "+c.foreign+";") {
				t.Errorf("Open = %v, want ErrForeign that names %s and %s", err, dir, c.foreign)
			}
			if after := tree(t, dir); !slices.Equal(before, after) {
				t.Errorf("Open left %q, want what was there: %q", after, before)
			}
		})
	}
}

// tree lists what is in a directory, at any depth.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
