// Package config is the settings of the program: one table ([Settings]) from
// which flags, environment variables, the keys of switchyard.yaml, the help
// texts and docs/configuration.md are made, and one precedence: a flag beats an
// environment variable, which beats the file, which beats the default.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// FileName is the settings file that is read from the working directory unless
// --config names another.
const FileName = "switchyard.yaml"

// EnvPrefix starts the name of every environment variable that is a setting.
const EnvPrefix = "SWITCHYARD_"

// Kind is the type of a setting's value.
type Kind uint8

// The kinds of settings.
const (
	String Kind = iota
	Bool
	Duration
	Int
	Size // of memory or a file: see [ParseSize]; "auto" stands for 0
)

// A Setting is one row of the table.
type Setting struct {
	Name    string // the flag, without dashes; also the key in the file
	Kind    Kind
	Default string
	Usage   string
	// None is set for a [Size] that may be 0, which stands for none.
	None bool
	// Flag is set for settings that make sense on one command line only and are
	// neither read from the environment nor from the file.
	FlagOnly bool
}

// Env returns the environment variable of the setting, "" if it has none.
func (s Setting) Env() string {
	if s.FlagOnly {
		return ""
	}
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Values are the settings of one command, resolved.
type Values struct {
	values map[string]string
	origin map[string]string
}

// String returns the value of a setting. A name that the command did not
// declare is a mistake in the program and panics.
func (v *Values) String(name string) string {
	s, ok := v.values[name]
	if !ok {
		panic("config: setting " + name + " was not declared by this command")
	}
	return s
}

// Bool returns a setting of kind [Bool].
func (v *Values) Bool(name string) bool { b, _ := strconv.ParseBool(v.String(name)); return b }

// Duration returns a setting of kind [Duration].
func (v *Values) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(v.String(name))
	return d
}

// Int returns a setting of kind [Int].
func (v *Values) Int(name string) int { n, _ := strconv.Atoi(v.String(name)); return n }

// Size returns a setting of kind [Size] in bytes, 0 for "auto" and for no bound.
func (v *Values) Size(name string) int64 { n, _ := ParseSize(v.String(name)); return n }

// Origin says where a value came from: "flag", "environment", "file" or
// "default".
func (v *Values) Origin(name string) string { return v.origin[name] }

// IsSet reports whether the value came from anywhere but the default.
func (v *Values) IsSet(name string) bool { return v.origin[name] != "default" }

// ErrHelp is returned by [Parse] when the arguments ask for help.
var ErrHelp = flag.ErrHelp

// A UsageError is a command line, variable or file that can't be understood.
type UsageError struct{ Msg string }

func (e *UsageError) Error() string { return e.Msg }

func usagef(format string, a ...any) error { return &UsageError{fmt.Sprintf(format, a...)} }

// Source is where settings come from besides the command line.
type Source struct {
	LookupEnv func(string) (string, bool)
	ReadFile  func(string) ([]byte, error)
}

// OS is the process's own environment and files.
var OS = Source{LookupEnv: os.LookupEnv, ReadFile: os.ReadFile}

// Parse resolves the named settings of [Settings] for one command. Flags and
// operands may be mixed; what follows "--" is operands only. It returns the
// operands. A mistake is a [*UsageError].
func Parse(names []string, args []string, src Source) (*Values, []string, error) {
	v := &Values{values: map[string]string{}, origin: map[string]string{}}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	names = append(slices.Clone(names), "config")
	for _, n := range names {
		s, ok := Lookup(n)
		if !ok {
			panic("config: no setting " + n)
		}
		v.values[n], v.origin[n] = s.Default, "default"
		fs.Var(&flagValue{s, v}, n, s.Usage)
	}
	var operands []string
	for rest := args; ; {
		if err := fs.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, nil, ErrHelp
			}
			return nil, nil, usagef("%s", strings.TrimPrefix(err.Error(), "flag "))
		}
		left := fs.Args()
		// flag.Parse ends at "--" as well as at the first operand; only in the
		// first case is everything that follows an operand.
		consumed := len(rest) - len(left)
		if consumed > 0 && rest[consumed-1] == "--" {
			operands = append(operands, left...)
			break
		}
		if len(left) == 0 {
			break
		}
		operands = append(operands, left[0])
		rest = left[1:]
	}
	for _, n := range names {
		s, _ := Lookup(n)
		if v.origin[n] != "default" || s.FlagOnly {
			continue
		}
		if val, ok := src.LookupEnv(s.Env()); ok && val != "" {
			if err := s.check(val); err != nil {
				return nil, nil, usagef("environment variable %s: %v", s.Env(), err)
			}
			v.values[n], v.origin[n] = val, "environment"
		}
	}
	if err := v.readFile(src); err != nil {
		return nil, nil, err
	}
	return v, operands, nil
}

func (v *Values) readFile(src Source) error {
	name := v.String("config")
	data, err := src.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && !v.IsSet("config") {
		return nil
	}
	if err != nil {
		return usagef("settings file: %v", err)
	}
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return usagef("settings file %s: %v", name, err)
	}
	keys := make([]string, 0, len(file))
	for k := range file {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		node := file[k]
		s, ok := Lookup(k)
		switch {
		case !ok || s.FlagOnly:
			return usagef("settings file %s, line %d: there is no setting %q", name, node.Line, k)
		case node.Kind != yaml.ScalarNode:
			return usagef("settings file %s, line %d: %s takes one value", name, node.Line, k)
		case node.Tag == "!!null":
			return usagef("settings file %s, line %d: %s has no value", name, node.Line, k)
		}
		if err := s.check(node.Value); err != nil {
			return usagef("settings file %s, line %d: %s: %v", name, node.Line, k, err)
		}
		if v.origin[k] == "default" {
			v.values[k], v.origin[k] = node.Value, "file"
		}
	}
	return nil
}

func (s Setting) check(val string) error {
	switch s.Kind {
	case Bool:
		if _, err := strconv.ParseBool(val); err != nil {
			return fmt.Errorf("%q is neither true nor false", val)
		}
	case Duration:
		if d, err := time.ParseDuration(val); err != nil || d < 0 {
			return fmt.Errorf("%q is not a duration such as 20s or 1m30s", val)
		}
	case Int:
		if n, err := strconv.Atoi(val); err != nil || n < 1 {
			return fmt.Errorf("%q is not a whole number above 0", val)
		}
	case Size:
		if s.None && val == "0" {
			return nil
		}
		if n, err := ParseSize(val); err != nil {
			return err
		} else if s.None && n == 0 {
			return fmt.Errorf("%q is neither a size such as 512MiB nor 0", val)
		}
	}
	return nil
}

// flagValue is one setting as the flag package sees it.
type flagValue struct {
	s Setting
	v *Values
}

func (f *flagValue) String() string   { return "" }
func (f *flagValue) IsBoolFlag() bool { return f.s.Kind == Bool }

func (f *flagValue) Set(val string) error {
	if err := f.s.check(val); err != nil {
		return err
	}
	f.v.values[f.s.Name], f.v.origin[f.s.Name] = val, "flag"
	return nil
}
