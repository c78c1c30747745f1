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
	// Value is what a help text calls the value and what completion goes by: one of
	// the words of [Setting.ValueName]'s comment. Without it the kind tells.
	Value string
	// Choices are all the values that there are, in lower case, if they can be
	// counted; they are understood in any case.
	Choices []string
	// Many is set for a flag that may be given several times: [Values.List].
	Many bool
	// None is set for a [Size] that may be 0, which stands for none. It may be [autoSize] only if that is the default.
	None bool
	// FlagOnly is set for settings that make sense on one command line only and are
	// neither read from the environment nor from the file.
	FlagOnly bool
}

// Flag is how the setting is spelled on a command line, without dashes: its name up
// to an "@". Two rows "wait@env" and "wait@receive" are one flag with two meanings,
// each of other commands; such rows are [Setting.FlagOnly].
func (s Setting) Flag() string {
	flag, _, _ := strings.Cut(s.Name, "@")
	return flag
}

// ValueName is what a help text calls the value: the choices, or a word in capitals
// that tells the kind, such as DIR, FILE, HOST:PORT, DURATION, SIZE, NUMBER, JSON,
// TIME, NAME, ID or TEXT. It is "" for a [Bool], which needs none.
func (s Setting) ValueName() string {
	switch {
	case s.Kind == Bool:
		return ""
	case len(s.Choices) > 0:
		return strings.Join(s.Choices, "|")
	case s.Value != "":
		return s.Value
	default:
		return kindNames[s.Kind]
	}
}

var kindNames = map[Kind]string{String: "TEXT", Duration: "DURATION", Int: "NUMBER", Size: "SIZE"}

// Env returns the environment variable of the setting, "" if it has none.
func (s Setting) Env() string {
	if s.FlagOnly {
		return ""
	}
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Values are the settings of one command, resolved. Their keys are [Setting.Flag].
type Values struct {
	values map[string]string
	origin map[string]string
}

// origins are where a value may come from, the weakest first.
var origins = []string{"default", "file", "environment", "flag"}

// Beats reports whether a setting was given more explicitly than another one that it
// excludes: a flag --data beats a connection string that is left over in the
// environment. A setting that the command does not take is not given at all.
func (v *Values) Beats(name, other string) bool {
	return slices.Index(origins, v.origin[name]) > max(slices.Index(origins, v.origin[other]), 0)
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

// List returns the values of a flag that may be given several times, in their order.
func (v *Values) List(name string) []string {
	if v.String(name) == "" {
		return nil
	}
	return strings.Split(v.String(name), manySeparator)
}

// manySeparator stands between the values of a flag that was given several times.
const manySeparator = "\x00"

// Size returns a setting of kind [Size] in bytes, 0 for "auto" and for no bound.
func (v *Values) Size(name string) int64 { n, _ := ParseSize(v.String(name)); return n }

// Origin says where a value came from: "flag", "environment", "file" or
// "default".
func (v *Values) Origin(name string) string { return v.origin[name] }

// IsSet reports whether the value came from anywhere but the default.
func (v *Values) IsSet(name string) bool { return v.origin[name] != "default" }

// Flags are the values that were given as flags, but for some, as flags for another
// process of this program.
func (v *Values) Flags(but ...string) (flags []string) {
	for name, origin := range v.origin {
		if origin == "flag" && !slices.Contains(but, name) {
			flags = append(flags, "--"+name+"="+v.values[name])
		}
	}
	slices.Sort(flags)
	return flags
}

// ErrHelp is returned by [Parse] when the arguments ask for help.
var ErrHelp = flag.ErrHelp

// A UsageError is a command line, variable or file that can't be understood.
type UsageError struct {
	Msg string
	// CommandLine says that the flags or operands themselves are wrong, so that the
	// command's help text tells what would be right.
	CommandLine bool
}

func (e *UsageError) Error() string { return e.Msg }

func usagef(format string, a ...any) error { return &UsageError{Msg: fmt.Sprintf(format, a...)} }

// Source is where settings come from besides the command line.
type Source struct {
	LookupEnv func(string) (string, bool)
	// Environ lists the environment, as os.Environ does. Nil: what is no setting is not
	// looked for.
	Environ  func() []string
	ReadFile func(string) ([]byte, error)
}

// OS is the process's own environment and files.
var OS = Source{LookupEnv: os.LookupEnv, Environ: os.Environ, ReadFile: os.ReadFile}

// Parse resolves the named settings of [Settings] for one command. Flags and
// operands may be mixed; what follows "--" is operands only. It returns the
// operands. A mistake is a [*UsageError]; if it is not in the flags, the values are
// returned with it as far as they are known, so that it can be told in the form that
// was asked for.
func Parse(names []string, args []string, src Source) (*Values, []string, error) {
	v := &Values{values: map[string]string{}, origin: map[string]string{}}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	mistake := "" // in a value
	var rows []Setting
	for _, n := range append(slices.Clone(names), "config") {
		s, ok := Lookup(n)
		if !ok {
			panic("config: no setting " + n)
		}
		rows = append(rows, s)
		v.values[s.Flag()], v.origin[s.Flag()] = s.Default, "default"
		fs.Var(&flagValue{s, v, &mistake}, s.Flag(), s.Usage)
	}
	var operands []string
	for rest := args; ; {
		if err := fs.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, nil, ErrHelp
			}
			if mistake == "" {
				mistake = flagMistake(err.Error(), rest, rows)
			}
			return v, nil, &UsageError{Msg: mistake, CommandLine: true}
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
	if err := src.checkEnviron(rows); err != nil {
		return v, nil, err
	}
	for _, s := range rows {
		if v.origin[s.Flag()] != "default" || s.FlagOnly {
			continue
		}
		if val, ok := src.LookupEnv(s.Env()); ok && val != "" {
			if err := v.set(s, val, "environment"); err != nil {
				return v, nil, usagef("environment variable %s: %v", s.Env(), err)
			}
		}
	}
	if err := v.readFile(src); err != nil {
		return v, nil, err
	}
	return v, operands, nil
}

// set gives a setting its value, in the spelling of its choices.
func (v *Values) set(s Setting, val, origin string) error {
	if err := s.check(val); err != nil {
		return err
	}
	if len(s.Choices) > 0 {
		val = strings.ToLower(val)
	}
	v.values[s.Flag()], v.origin[s.Flag()] = val, origin
	return nil
}

// flagMistake says what package flag says about a flag itself, with the flags as
// help texts write them.
func flagMistake(text string, args []string, rows []Setting) string {
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		flags := make([]string, len(rows))
		for i, s := range rows {
			flags[i] = s.Flag()
		}
		return "there is no flag " + written(name, args) + meant(name, flags, "--")
	}
	name, ok := strings.CutPrefix(text, "flag needs an argument: -")
	if i := slices.IndexFunc(rows, func(s Setting) bool { return s.Flag() == name }); ok && i >= 0 {
		return "--" + name + " needs a value: " + rows[i].ValueName()
	}
	return text
}

// written is a flag as it stands in the arguments, with one dash or two.
func written(name string, args []string) string {
	for _, a := range args {
		if flag, _, _ := strings.Cut(a, "="); flag == "-"+name || flag == "--"+name {
			return flag
		}
	}
	return "--" + name
}

func (v *Values) readFile(src Source) error {
	name := v.String("config")
	data, err := src.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && !v.IsSet("config") {
		return nil
	}
	if err != nil {
		return usagef("settings file %s: %s", name, Unreadable(err))
	}
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return usagef("settings file %s%s", name, yamlMistake(err))
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
			return usagef("settings file %s, line %d: there is no setting %q%s", name, node.Line, k, meant(k, inFiles(), ""))
		case node.Kind != yaml.ScalarNode:
			return usagef("settings file %s, line %d: %s takes one value", name, node.Line, k)
		case node.Tag == "!!null":
			return usagef("settings file %s, line %d: %s has no value", name, node.Line, k)
		}
		if err := s.check(node.Value); err != nil {
			return usagef("settings file %s, line %d: %s: %v", name, node.Line, k, err)
		}
		if v.origin[k] == "default" {
			_ = v.set(s, node.Value, "file") // checked above, since it may be of another command
		}
	}
	return nil
}

// yamlMistake says in one sentence where a settings file is not what it should be.
func yamlMistake(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if several, ok := errors.AsType[*yaml.TypeError](err); ok && len(several.Errors) > 0 {
		text = several.Errors[0]
	}
	where := ""
	if place, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(place, "line ") {
		where, text = ", "+place, rest
	}
	if strings.HasPrefix(text, "cannot unmarshal") {
		text = "this is no setting"
	}
	return where + ": " + strings.Join(strings.Fields(text), " ") + "; what it takes is lines such as grace: 30s"
}

// inFiles are the names of what a settings file may hold.
func inFiles() (names []string) {
	for _, s := range Settings {
		if !s.FlagOnly {
			names = append(names, s.Name)
		}
	}
	return names
}

func (s Setting) check(val string) error {
	if len(s.Choices) > 0 && !slices.Contains(s.Choices, strings.ToLower(val)) {
		last := len(s.Choices) - 1
		return fmt.Errorf("%q is not %s or %s", val, strings.Join(s.Choices[:last], ", "), s.Choices[last])
	}
	if val == "" && (s.Value == "DIR" || s.Value == "FILE" && s.FlagOnly) {
		return fmt.Errorf("names no %s", map[string]string{"DIR": "directory", "FILE": "file"}[s.Value])
	}
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
		} else if s.None && n == 0 && s.Default != autoSize {
			return fmt.Errorf("%q is neither a size such as 512MiB nor 0", val)
		}
	}
	return nil
}

// flagValue is one setting as the flag package sees it.
type flagValue struct {
	s       Setting
	v       *Values
	mistake *string
}

func (f *flagValue) String() string   { return "" }
func (f *flagValue) IsBoolFlag() bool { return f.s.Kind == Bool }

func (f *flagValue) Set(val string) error {
	before, again := f.v.values[f.s.Flag()], f.v.origin[f.s.Flag()] == "flag"
	err := f.v.set(f.s, val, "flag")
	switch now := f.v.values[f.s.Flag()]; {
	case err != nil || !again:
	case f.s.Many:
		f.v.values[f.s.Flag()] = before + manySeparator + val
	case now != before:
		*f.mistake = fmt.Sprintf("--%s is given twice, as %q and as %q: it takes one value", f.s.Flag(), before, now)
		return errors.New(*f.mistake)
	}
	if err != nil {
		*f.mistake = fmt.Sprintf("--%s: %v", f.s.Flag(), err)
	}
	return err
}
