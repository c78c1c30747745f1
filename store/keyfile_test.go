package store

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadKey(t *testing.T) {
	key := bytes.Repeat([]byte{0xA5, 0x17}, 16)
	name := filepath.Join(t.TempDir(), "key")
	for text, good := range map[string]bool{
		hex.EncodeToString(key):                           true,
		"  " + hex.EncodeToString(key) + "\n":             true,
		base64.StdEncoding.EncodeToString(key) + "\n":     true,
		hex.EncodeToString(key[:31]):                      false,
		base64.StdEncoding.EncodeToString(append(key, 1)): false,
		string(key): false,
		"":          false,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadKey(name)
		if good && (err != nil || !bytes.Equal(got, key)) || !good && (err == nil || !strings.Contains(err.Error(), name)) {
			t.Errorf("%q: key %x, error %v; want it to be read: %v", text, got, err, good)
		}
	}
	if _, err := ReadKey(name + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: error %v", err)
	}
}
