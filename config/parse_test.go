package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestOperands: flags and operands may be mixed; after "--" nothing is a flag, and
// a single dash is an operand.
func TestOperands(t *testing.T) {
	for _, c := range []struct{ args, operands, data string }{
		{"", "", ".switchyard"},
		{"a b", "a b", ".switchyard"},
		{"--data d a", "a", "d"},
		{"-data=d a", "a", "d"},
		{"a --data d b", "a b", "d"},
		{"a --data d b --ephemeral c", "a b c", "d"},
		{"--ephemeral a", "a", ".switchyard"}, // no value is taken from what follows
		{"--ephemeral=true a", "a", ".switchyard"},
		{"-- --data d", "--data d", ".switchyard"},
		{"a -- --data", "a --data", ".switchyard"},
		{"--data -- a", "a", "--"}, // a value, not the end of the flags
		{"--data d -- -- x", "-- x", "d"},
		{"- a", "- a", ".switchyard"},
		{"--data= a", "error", "--data: names no directory"},
		{"-x a", "error", "there is no flag -x"},
		{"a --x=1", "error", "there is no flag --x"},
		{"--data a --data a", "", "a"},
	} {
		v, operands, err := Parse([]string{"data", "ephemeral"}, strings.Fields(c.args), source(nil, ""))
		if err != nil {
			if c.operands != "error" || err.Error() != c.data {
				t.Errorf("%q: %v", c.args, err)
			}
			continue
		}
		if got := strings.Join(operands, " "); got != c.operands || v.String("data") != c.data {
			t.Errorf("%q: operands %q, data %q; want %q, %q", c.args, got, v.String("data"), c.operands, c.data)
		}
	}
}

// TestValues: a value of each kind, as a flag, a variable and in the file; what is
// no value of its kind is refused in all three.
func TestValues(t *testing.T) {
	names := []string{"grace", "ephemeral", "data", "count", "memory-limit", "history-size", "history-age", "ballast", "min-free"}
	for _, c := range []struct {
		setting, text string
		good          bool
		read          func(*Values) any
		want          any
	}{
		{"grace", "1m30s", true, func(v *Values) any { return v.Duration("grace") }, 90 * time.Second},
		{"grace", "0s", true, func(v *Values) any { return v.Duration("grace") }, time.Duration(0)},
		{"grace", "0", true, func(v *Values) any { return v.Duration("grace") }, time.Duration(0)},
		{"memory-limit", "512MiB", true, func(v *Values) any { return v.Size("memory-limit") }, int64(512 << 20)},
		{"memory-limit", "3B", true, func(v *Values) any { return v.Size("memory-limit") }, int64(3)},
		{"memory-limit", "auto", true, func(v *Values) any { return v.Size("memory-limit") }, int64(0)},
		{"memory-limit", "0B", false, nil, nil},
		{"memory-limit", "-1GiB", false, nil, nil},
		{"memory-limit", "2G", false, nil, nil},
		{"memory-limit", "2", false, nil, nil},
		{"memory-limit", "9000000TiB", false, nil, nil},
		{"history-size", "3MiB", true, func(v *Values) any { return v.Size("history-size") }, int64(3 << 20)},
		{"ballast", "0", true, func(v *Values) any { return v.Size("ballast") }, int64(0)},
		{"min-free", "auto", true, func(v *Values) any { return v.Size("min-free") }, int64(0)},
		{"min-free", "0", true, func(v *Values) any { return v.Size("min-free") }, int64(0)},
		{"history-size", "0", true, func(v *Values) any { return v.Size("history-size") }, int64(0)},
		{"history-size", "10240", false, nil, nil},
		{"history-size", "10gb", false, nil, nil},
		{"history-age", "720h", true, func(v *Values) any { return v.Duration("history-age") }, 720 * time.Hour},
		{"history-age", "30d", false, nil, nil},
		{"history-size", "auto", false, nil, nil},
		{"grace", "-1s", false, nil, nil},
		{"grace", "10", false, nil, nil},
		{"ephemeral", "1", true, func(v *Values) any { return v.Bool("ephemeral") }, true},
		{"ephemeral", "TRUE", true, func(v *Values) any { return v.Bool("ephemeral") }, true},
		{"ephemeral", "f", true, func(v *Values) any { return v.Bool("ephemeral") }, false},
		{"ephemeral", "yes", false, nil, nil},
		{"data", "a b", true, func(v *Values) any { return v.String("data") }, "a b"},
	} {
		sources := map[string]struct {
			args []string
			src  Source
		}{
			"flag":        {[]string{"--" + c.setting + "=" + c.text}, source(nil, "")},
			"environment": {nil, source(map[string]string{EnvPrefix + strings.ToUpper(strings.ReplaceAll(c.setting, "-", "_")): c.text}, "")},
			"file":        {nil, source(nil, c.setting+": \""+c.text+"\"\n")},
		}
		for from, s := range sources {
			v, _, err := Parse(names, s.args, s.src)
			if _, usage := errors.AsType[*UsageError](err); usage == c.good || !c.good && !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s %s as %s: %v; want it good: %t", c.setting, c.text, from, err, c.good)
				continue
			}
			if c.good && (c.read(v) != c.want || v.Origin(c.setting) != from || !v.IsSet(c.setting)) {
				t.Errorf("%s %s as %s: %v from %s, want %v", c.setting, c.text, from, c.read(v), v.Origin(c.setting), c.want)
			}
		}
	}
	for text, good := range map[string]bool{"1": true, "250": true, "0": false, "-3": false, "1.5": false, "ten": false, "": false, "99999999999999999999": false} {
		v, _, err := Parse(names, []string{"--count=" + text}, source(nil, ""))
		if good != (err == nil) || good && strings.TrimLeft(text, "0") != v.String("count") {
			t.Errorf("--count=%s: %v; want it good: %t", text, err, good)
		}
		if good && text == "250" && v.Int("count") != 250 {
			t.Errorf("--count=250 is %d", v.Int("count"))
		}
	}
}

// TestOneCommandOnly: what makes sense on one command line is read from nowhere
// else, and an empty variable is none.
func TestOneCommandOnly(t *testing.T) {
	v, _, err := Parse([]string{"output", "data"}, nil, source(map[string]string{"SWITCHYARD_OUTPUT": "json", "SWITCHYARD_DATA": ""}, ""))
	if err != nil || v.String("output") != "text" || v.IsSet("output") || v.IsSet("data") {
		t.Errorf("output %q, data from %s, %v; want the defaults", v.String("output"), v.Origin("data"), err)
	}
	if _, _, err := Parse([]string{"output"}, nil, source(nil, "output: json\n")); err == nil || !strings.Contains(err.Error(), `there is no setting "output"`) {
		t.Errorf("output in the file: %v", err)
	}
	// The file is of all commands: what this one does not take is checked only.
	if _, _, err := Parse([]string{"data"}, nil, source(nil, "grace: 5s\nephemeral: true\n")); err != nil {
		t.Errorf("a file with settings of other commands: %v", err)
	}
	if _, _, err := Parse([]string{"data"}, nil, source(nil, "grace: soon\n")); err == nil {
		t.Error("a file with a mistake in a setting of other commands is good")
	}
	if _, _, err := Parse([]string{"data"}, []string{"--grace", "5s"}, source(nil, "")); err == nil {
		t.Error("a flag of other commands is good")
	}
	for _, s := range Settings {
		if env := s.Env(); s.FlagOnly != (env == "") || env != "" && (strings.ToUpper(env) != env || strings.Contains(env, "-")) {
			t.Errorf("%s is called %q in the environment", s.Name, env)
		}
	}
}

// TestBeats: which of two settings that exclude one another was given more explicitly.
func TestBeats(t *testing.T) {
	src := source(map[string]string{"SWITCHYARD_DATA": "env"}, "connection-string: file\n")
	v, _, err := Parse([]string{"data", "connection-string", "ephemeral", "key-file"}, []string{"--ephemeral"}, src)
	if err != nil {
		t.Fatal(err)
	}
	order := []string{"ephemeral", "data", "connection-string", "key-file"}
	for i, a := range order {
		for j, b := range order {
			if got, want := v.Beats(a, b), i < j; got != want {
				t.Errorf("%s beats %s: %t, want %t", a, b, got, want)
			}
		}
	}
	if v.Beats("key-file", "grace") || !v.Beats("data", "grace") {
		t.Error("a setting that the command does not take is not one that nothing was said about")
	}
}

// TestChoices: the choices of a setting are understood in any case, and are all that
// is understood.
func TestChoices(t *testing.T) {
	v, _, err := Parse([]string{"output", "log-level"}, []string{"--output", "JSON"}, source(map[string]string{"SWITCHYARD_LOG_LEVEL": "WARN"}, ""))
	if err != nil || v.String("output") != "json" || v.String("log-level") != "warn" {
		t.Errorf("%q, %q, %v; want them in lower case", v.String("output"), v.String("log-level"), err)
	}
	for _, c := range []struct {
		args []string
		env  map[string]string
		file string
		want string
	}{
		{[]string{"--log-level=loud"}, nil, "", `--log-level: "loud" is not debug, info, warn or error`},
		{nil, map[string]string{"SWITCHYARD_LOG_LEVEL": "loud"}, "", `environment variable SWITCHYARD_LOG_LEVEL: "loud" is not debug`},
		{nil, nil, "log-level: loud\n", `line 1: log-level: "loud" is not debug`},
		{[]string{"--log-level"}, nil, "", "--log-level needs a value: debug|info|warn|error"},
	} {
		_, _, err := Parse([]string{"log-level"}, c.args, source(c.env, c.file))
		u, ok := errors.AsType[*UsageError](err)
		if !ok || !strings.Contains(err.Error(), c.want) || u.CommandLine != (c.args != nil) {
			t.Errorf("%q %v %q: %v, want %q", c.args, c.env, c.file, err, c.want)
		}
	}
}

// TestFiles: what a settings file can't be.
func TestFiles(t *testing.T) {
	for file, want := range map[string]string{
		"data:\n":                  "line 1: data has no value",
		"data: ~\n":                "line 1: data has no value",
		"data: {a: b}\n":           "line 1: data takes one value",
		"# c\n\ngrace: x\n":        "line 3: grace: ",
		"- data\n":                 "settings file switchyard.yaml, line 1: this is no setting; what it takes is lines such as grace: 30s",
		"data: [\n":                "settings file switchyard.yaml, line 1: did not find expected node content; ",
		"data: a\ndata: b\n":       `settings file switchyard.yaml, line 2: mapping key "data" already defined at line 1; `,
		"data: \x00\n":             "settings file switchyard.yaml: control characters are not allowed; ",
		"Data: a\n":                `there is no setting "Data"`,
		"config: other.yaml\n":     `there is no setting "config"`,
		"switchyard:\n  data: a\n": `there is no setting "switchyard"`,
	} {
		_, _, err := Parse([]string{"data", "grace"}, nil, source(nil, file))
		if _, ok := errors.AsType[*UsageError](err); !ok || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want a UsageError of one line with %q", file, err, want)
		}
	}
	for _, file := range []string{"", "\n", "# nothing\n", "---\n"} {
		if _, _, err := Parse([]string{"data"}, nil, source(nil, file)); err != nil {
			t.Errorf("%q: %v", file, err)
		}
	}
	if _, _, err := Parse([]string{"data"}, []string{"--config", FileName}, source(nil, "")); err == nil {
		t.Error("a file that was named and is not there is passed over")
	}
}

// TestFlagHelp: a flag that is off unless it is given has no value and no default
// to show; the meaning of another is wrapped at 80 columns.
func TestFlagHelp(t *testing.T) {
	got := FlagHelp([]string{"ephemeral", "strict", "http-address", "nothing of that name"})
	want := `  --ephemeral
        keep everything in memory and forget it at the end
  --strict
        refuse definitions that name something this version does not run;
        otherwise each is a warning
  --http-address HOST:PORT
        address of the HTTP endpoints; if the default port is taken and nothing
        else was asked for, a free one is used (default 127.0.0.1:5300)
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestMistakesOfTheProgram: a name that the table or the command does not have is
// found by the first test that runs the command.
func TestMistakesOfTheProgram(t *testing.T) {
	v, _, err := Parse([]string{"data"}, nil, source(nil, ""))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"a setting of no command": func() { _, _, _ = Parse([]string{"datum"}, nil, source(nil, "")) },
		"a value not declared":    func() { v.String("grace") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestTwice: a flag that is given twice takes one of two values, and which is not for the
// program to say.
func TestTwice(t *testing.T) {
	for args, want := range map[string]string{
		"--data a --data b":                    `--data is given twice, as "a" and as "b": it takes one value`,
		"--data a x --data=b":                  `--data is given twice`,
		"--ephemeral --ephemeral=false":        `--ephemeral is given twice`,
		"--output json --output JSON --data a": "",
		"--param a=1 --param a=2 --ephemeral":  "",
	} {
		_, _, err := Parse([]string{"data", "ephemeral", "output", "param"}, strings.Fields(args), source(nil, ""))
		if u, ok := errors.AsType[*UsageError](err); (err == nil) != (want == "") || err != nil && (!ok || !strings.Contains(u.Msg, want)) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

// TestMeant: what is misspelt by a slip or two is told what it may have meant, in flags,
// variables and files alike.
func TestMeant(t *testing.T) {
	names := []string{"data", "timeout", "ephemeral", "output", "grace"}
	for args, want := range map[string]string{
		"--tiemout 3s":  "there is no flag --tiemout; did you mean --timeout?",
		"--timout=3s":   "did you mean --timeout?",
		"--ephemeal":    "did you mean --ephemeral?",
		"--dta d":       "did you mean --data?",
		"--zzz":         "there is no flag --zzz",
		"--x":           "there is no flag --x",
		"--grace-limit": "there is no flag --grace-limit",
	} {
		_, _, err := Parse(names, strings.Fields(args), source(nil, ""))
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want …%s", args, err, want)
		}
	}
	if _, _, err := Parse(names, nil, source(nil, "grcae: 3s\n")); err == nil || !strings.HasSuffix(err.Error(), `line 1: there is no setting "grcae"; did you mean grace?`) {
		t.Errorf("in a file: %v", err)
	}
	src := source(nil, "")
	src.Environ = func() []string { return []string{"SWITCHYARD_GRCAE=3s"} }
	if _, _, err := Parse(names, nil, src); err == nil || !strings.Contains(err.Error(), "SWITCHYARD_GRCAE: there is no such setting; did you mean SWITCHYARD_GRACE?") {
		t.Errorf("a variable: %v", err)
	}
}
