package vault

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchyard/arm"
	"switchyard/arm/armtest"
	"switchyard/clock"
	"switchyard/internal/golden"
)

// A mask is a sealer for tests.
type mask byte

func (k mask) Seal(plain []byte) []byte {
	out := []byte{byte(k)}
	for _, c := range plain {
		out = append(out, c^byte(k))
	}
	return out
}

func (k mask) Open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != byte(k) {
		return nil, errors.New("sealed with another key")
	}
	return k.Seal(sealed[1:])[1:], nil
}

func open(store *armtest.Store, k mask, given map[string]string) *Vault {
	v := New(Options{Store: store, NotFound: arm.ErrNotFound, Log: &armtest.Log{}, Sealer: k, Clock: clock.Wall{}})
	v.Give(func(name string) (string, bool) { v, ok := given[name]; return v, ok })
	return v
}

// TestVault: what is set is there until it is deleted, whatever the case of its name, and
// is readable with the key alone.
func TestVault(t *testing.T) {
	store := armtest.NewStore()
	v := open(store, 0x5a, map[string]string{"given": "of a file", "Kept": "not this"})
	for _, c := range []struct {
		name, value string
		want        error
	}{
		{"Kept", "one", nil}, {"kept", "two", nil}, {"a-1", strings.Repeat("x", MaxValue), nil},
		{"", "x", ErrInvalidName}, {"a b", "x", ErrInvalidName}, {"a/b", "x", ErrInvalidName},
		{strings.Repeat("a", 128), "x", ErrInvalidName}, {"empty", "", ErrEmpty},
		{"large", strings.Repeat("x", MaxValue+1), ErrTooLarge},
	} {
		if err := v.Set(t.Context(), c.name, c.value); !errors.Is(err, c.want) {
			t.Errorf("set %.20q: %v, want %v", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		name, want string
		err        error
	}{{"KEPT", "two", nil}, {"given", "of a file", nil}, {"none", "", ErrNotFound}, {"a/b", "", ErrInvalidName}} {
		if got, err := v.Value(c.name); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("value of %q: %q, %v, want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
	if b, err := store.Get("vault/kept"); err != nil || bytes.Contains(b, []byte("two")) {
		t.Errorf("the record is readable: %s, %v", b, err)
	}
	if _, err := open(store, 1, nil).Value("kept"); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("with another key: %v", err)
	}
	store.Damage("vault/a-1")
	list, err := v.List()
	if err != nil || len(list) != 2 || list[0].Name != "a-1" || list[0].Damage == "" || list[1].Name != "kept" || list[1].Damage != "" || list[1].Updated.IsZero() {
		t.Errorf("list: %+v, %v", list, err)
	}
	if err := v.Delete(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete what is not there: %v", err)
	}
	for _, name := range []string{"a-1", "Kept"} { // a damaged one too
		if err := v.Delete(t.Context(), name); err != nil {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	if list, err := v.List(); len(list) != 0 || err != nil {
		t.Errorf("list after all were deleted: %+v, %v", list, err)
	}
}

// TestHandler: who knows the token sets, lists and deletes; nobody is told a value.
func TestHandler(t *testing.T) {
	h := open(armtest.NewStore(), 7, nil).Handler("token")
	for i, c := range []struct {
		token, method, path, body string
		status                    int
		want                      string
	}{
		{"", "GET", "", "", 401, "only who can read the data directory"},
		{"Bearer nope", "PUT", "/a", "x", 401, ""},
		{"Bearer token", "PUT", "/a", "hush", 200, "{}"},
		{"Bearer token", "GET", "", "", 200, `[{"name":"a","updated":`},
		{"Bearer token", "PUT", "/a%20b", "x", 400, "1 to 127 letters"},
		{"Bearer token", "PUT", "/b", strings.Repeat("x", MaxValue+1), 400, "at most 25600 bytes"},
		{"Bearer token", "GET", "/a", "", 405, ""},
		{"Bearer token", "DELETE", "/b", "", 404, "there is no such secret"},
		{"Bearer token", "DELETE", "/a", "", 200, "{}"},
		{"Bearer token", "GET", "", "", 200, "[]"},
	} {
		r := httptest.NewRequest(c.method, Path+c.path, strings.NewReader(c.body))
		if c.token != "" {
			r.Header.Set("Authorization", c.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "hush") {
			t.Errorf("%d: %s %s: %d %s, want %d %s", i, c.method, c.path, w.Code, w.Body, c.status, c.want)
		}
	}
}

// The record of a secret.
func TestGoldenSecret(t *testing.T) {
	r := record{recordVersion, "Name", time.Date(2026, 11, 27, 1, 2, 3, 4, time.UTC), []byte("sealed")}
	golden.WantFull(t, r)
	golden.Check(t, "secret", 1, func(int) []golden.Record { return []golden.Record{golden.JSON("full", r, decode)} })
}
