package config

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/golden"
)

func source(env map[string]string, file string) Source {
	return Source{
		LookupEnv: func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		ReadFile: func(name string) ([]byte, error) {
			if name == FileName && file != "" {
				return []byte(file), nil
			}
			return nil, os.ErrNotExist
		},
	}
}

func TestPrecedence(t *testing.T) {
	names := []string{"grace", "data", "log-level", "amqp-address"}
	src := source(map[string]string{"SWITCHYARD_GRACE": "3s", "SWITCHYARD_DATA": "env"}, "grace: 4s\ndata: file\nlog-level: warn\nephemeral: true\n")
	v, rest, err := Parse(names, []string{"DIR", "--grace", "2s", "P", "--", "--x"}, src)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Duration("grace"); got != 2*time.Second {
		t.Errorf("grace = %v, want 2s: a flag beats a variable", got)
	}
	if got := v.String("data"); got != "env" {
		t.Errorf("data = %q, want env: a variable beats the file", got)
	}
	if got := v.String("log-level"); got != "warn" || v.Origin("log-level") != "file" {
		t.Errorf("log-level = %q from %s, want warn from file", got, v.Origin("log-level"))
	}
	if got := v.String("amqp-address"); got != "127.0.0.1:5672" || v.IsSet("amqp-address") {
		t.Errorf("amqp-address = %q from %s, want the default", got, v.Origin("amqp-address"))
	}
	if want := []string{"DIR", "P", "--x"}; !slices.Equal(rest, want) {
		t.Errorf("operands = %q, want %q", rest, want)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  map[string]string
		file string
		want string
	}{
		{"unknown flag", []string{"--nope"}, nil, "", "-nope"},
		{"bad duration", []string{"--grace", "soon"}, nil, "", "soon"},
		{"bad variable", nil, map[string]string{"SWITCHYARD_GRACE": "x"}, "", "SWITCHYARD_GRACE"},
		{"unknown key", nil, nil, "data: x\ngracee: 1s\n", `line 2: there is no setting "gracee"`},
		{"bad value in file", nil, nil, "grace: never\n", "line 1: grace"},
		{"list in file", nil, nil, "grace: [1]\n", "takes one value"},
		{"not YAML", nil, nil, "a: b: c\n", FileName},
		{"missing named file", []string{"--config", "other.yaml"}, nil, "", "settings file"},
	} {
		_, _, err := Parse([]string{"grace", "data"}, c.args, source(c.env, c.file))
		var u *UsageError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error = %v, want a UsageError with %q", c.name, err, c.want)
		}
	}
	if _, _, err := Parse(nil, []string{"--help"}, source(nil, "")); !errors.Is(err, ErrHelp) {
		t.Errorf("--help: error = %v, want ErrHelp", err)
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Settings {
		if seen[s.Name] {
			t.Errorf("%s stands in the table twice", s.Name)
		}
		seen[s.Name] = true
		if s.Default != "" {
			if err := s.check(s.Default); err != nil {
				t.Errorf("default of %s: %v", s.Name, err)
			}
		}
	}
}

func TestDocumentation(t *testing.T) {
	golden.Page(t, "../docs/configuration.md", Markdown())
}
