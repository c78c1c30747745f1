package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"switchyard/config"
)

// call runs one command line and returns what it printed.
func call(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(args, &env{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs})
	return code, out.String(), errs.String()
}

// all is the table with the commands of its groups.
func all(list []command) (flat []command) {
	for _, c := range list {
		flat = append(append(flat, c), all(c.commands)...)
	}
	return flat
}

// TestHelpFitsTheTerminal: no help text is wider than 80 columns, and each names
// every flag of its command.
func TestHelpFitsTheTerminal(t *testing.T) {
	_, overview, _ := call(t, "", "help")
	texts := map[string]string{"": overview}
	for _, c := range all(commands) {
		words := strings.Fields(c.path)
		code, text, errs := call(t, "", append([]string{"help"}, words...)...)
		if code != exitOK || errs != "" {
			t.Errorf("help %s: exit code %d, stderr %q", c.path, code, errs)
		}
		for _, flag := range []string{"--help", "-h"} {
			if code, same, _ := call(t, "", append(words, flag)...); code != exitOK || same != text {
				t.Errorf("%s %s: exit code %d, and not the text of help %s:\n%s", c.path, flag, code, c.path, same)
			}
		}
		texts[c.path] = text
		for _, name := range c.settings {
			s, _ := config.Lookup(name)
			if !strings.Contains(text, "\n  --"+s.Flag()+" ") && !strings.Contains(text, "\n  --"+s.Flag()+"\n") {
				t.Errorf("help %s does not name --%s", c.path, s.Flag())
			}
		}
		if !strings.Contains(text, "usage: switchyard "+c.path) {
			t.Errorf("help %s has no usage line:\n%s", c.path, text)
		}
		list := overview
		if group := strings.TrimSuffix(c.path, " "+c.name); group != c.path {
			list = texts[group]
		}
		if !strings.Contains(list, "\n  "+c.path+" ") || !strings.Contains(list, c.summary) {
			t.Errorf("the overview does not list %s", c.path)
		}
	}
	for name, text := range texts {
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("help %s: line of %d columns: %s", name, n, line)
			}
			if strings.TrimRight(line, " \t\n") != strings.TrimSuffix(line, "\n") {
				t.Errorf("help %s: line ends in blanks: %q", name, line)
			}
		}
	}
}

// TestEverySettingIsUsed: a row of the table that no command takes is documented
// for nobody.
func TestEverySettingIsUsed(t *testing.T) {
	for _, s := range config.Settings {
		if s.Name == "config" { // every command's, added by config.Parse
			continue
		}
		if !slices.ContainsFunc(all(commands), func(c command) bool { return slices.Contains(c.settings, s.Name) }) {
			t.Errorf("no command takes --%s", s.Name)
		}
	}
}

// TestCommandLines: a command line that can't be understood is exit code 2, one
// line on standard error that starts with the program's name, and nothing on
// standard output.
func TestCommandLines(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"nope", `there is no command "nope"`},
		{"Version", `there is no command "Version"; did you mean version?; switchyard help lists them`},
		{"help nope", `there is no command "nope"`},
		{"--output json", `there is no command "--output"`},
		{"recieve", `there is no command "recieve"; did you mean receive?`},
		{"completion tcsh", "no completion for \"tcsh\""},
		{"validate", "DIR is missing; usage: switchyard validate DIR; switchyard help validate tells more"},
		{"validate a b", "\"b\" is one operand too many; usage: switchyard validate DIR"},
		{"run", "DIR is missing; usage: switchyard run DIR [PIPELINE]"},
		{"run dir", "run takes a PIPELINE, or --trigger NAME with --message FILE, or --list"},
		{"run dir p q", "usage: switchyard run DIR [PIPELINE]"},
		{"send", "usage: switchyard send ENTITY [BODY]"},
		{"send q body more", "usage: switchyard send ENTITY [BODY]"},
		{"peek", "usage: switchyard peek ENTITY"},
		{"receive a b", "usage: switchyard receive ENTITY"},
		{"up a b", "usage: switchyard up [DIR]"},
		{"demo x", "usage: switchyard demo"},
		{"eval x y", "usage: switchyard eval"},
		{"eval x --context {", "context: "},
		{"eval --context {}", "--context is for an EXPRESSION"},
		{"hash x", "usage: switchyard hash"},
		{"runs x", `there is no command "runs x"; switchyard help runs lists them`},
		{"runs show", "RUN is missing; usage: switchyard runs show RUN"},
		{"runs start", "PIPELINE is missing"},
		{"runs list --status Done", `--status: "Done" is not Queued, InProgress`},
		{"runs list --since 1h --until 2h", "--until is before --since"},
		{"runs list --since yesterday", `--since: "yesterday" is neither a time`},
		{"triggers start", "TRIGGER is missing"},
		{"runs show ''", "RUN is empty; usage: switchyard runs show RUN"},
		{"runs start ''", "PIPELINE is empty"},
		{"triggers stop ''", "TRIGGER is empty"},
		{"validate ''", "DIR is empty"},
		{"secret delete ''", "NAME is empty"},
		{"peek ''", "ENTITY is empty"},
		{"runs --tiemout 3s", "there is no flag --tiemout; did you mean --timeout?; switchyard help runs tells more"},
		{"up --ephemeral --listen 127.0.0.1 --tls-cert nowhere.pem --tls-key x.pem", "tls-cert nowhere.pem: there is no such file"},
		{"up --data nowhere --key-file nowhere.key", "key-file nowhere.key: there is no such file"},
		{"up --data nowhere --key-file /", "key-file /: is a folder, not a file"},
		{"secret list --data nowhere --key-file nowhere.key", "key-file nowhere.key: there is no such file"},
		{"up --watch --ephemeral", "--watch watches a folder, and DIR is missing"},
		{"exec --start a --start b true", `--start is given twice, as "a" and as "b"`},
		{"up --ephemeral --amqp-address nonsense", `address "nonsense" is not HOST:PORT, such as 127.0.0.1:5672`},
		{"up --ephemeral --amqp-address 127.0.0.1:0 --http-address 127.0.0.1:x", `address "127.0.0.1:x" is not HOST:PORT`},
		{"up --ephemeral --amqp-address 127.0.0.1:99999", `address "127.0.0.1:99999" is not HOST:PORT`},
		{"up --ephemeral --amqp-address 203.0.113.1:0", `address "203.0.113.1:0" is none of this machine`},
		{"up --ephemeral --amqp-address 0.0.0.0:0", `address "0.0.0.0:0" can be reached from other machines`},
		{"secret delete a_b --data nowhere", `"a_b": a secret's name has 1 to 127 letters, digits and hyphens`},
		{"send q x --at soon", `--at: "soon" is neither a time`},
		{"send q x --property {", `--property: "{" is not JSON, such as {"colour":"red"}`},
		{"send q x --lines f", "--lines excludes BODY and --count"},
		{"send q --lines nowhere", "--lines nowhere: there is no such file"},
		{"send q x --connection-string Endpoint=garbage", "invalid connection string: it needs either"},
		{"send q x --count 2 --message-id m", "--message-id is for one message"},
		{"receive q --abandon --peek-lock", "--abandon and --peek-lock exclude each other"},
		{"receive t/subscriptions/", "is not a subscription"},
		{"purge q --sequence-number x", `--sequence-number: "x" is no sequence number`},
		{"version --nope", "there is no flag --nope; switchyard help version tells more"},
		{"version --output", "--output needs a value: text|json"},
		{"version --output xml", "--output: \"xml\" is not text or json"},
		{"validate --data d x", "there is no flag --data"},
		{"up --grace -1s", `"-1s" is not a duration`},
		{"up --grace 5", `"5" is not a duration`},
		{"up --ephemeral=maybe", `"maybe" is neither true nor false`},
		{"peek q --count ten", `"ten" is not a whole number above 0`},
		{"peek q --count 1.5", `"1.5" is not a whole number above 0`},
		{"peek q --count 99999999999999999999", "is not a whole number above 0"},
		{"receive q --wait soon", `"soon" is not a duration`},
		{"up --ephemeral --log-level loud", "--log-level: \"loud\" is not debug, info, warn or error"},
		{"up --ephemeral --log-format xml", "--log-format: \"xml\" is not text or json"},
		{"up --ephemeral --auth none", "--auth: \"none\" is not development or strict"},
		{"up --ephemeral --auth strict", "--auth strict needs --auth-applications FILE"},
		{"up --ephemeral --auth strict --auth-applications nowhere.json", "auth-applications nowhere.json: there is no such file"},
		{"up --ephemeral --allow-host http://h/", "allow-host: \"http://h/\" is not HOST or HOST:PORT"},
		{"up --ephemeral --auth development --auth-applications apps.json", "auth-applications needs --auth strict"},
		{"up nowhere", "nowhere: there is no such folder"},
		{"up help_test.go", "help_test.go is not a folder"},
		{"validate nowhere", "nowhere: there is no such folder"},
		{"validate help_test.go", "help_test.go is not a folder"},
		{"run nowhere P", "nowhere: there is no such folder"},
		{"run . P --parameters {", "parameters: "},
		{"run . P --parameters @nowhere.json", "parameters file nowhere.json: there is no such file"},
		{"version --config nowhere.yaml", "settings file nowhere.yaml: there is no such file"},
		{"hash", "standard input holds no secret"},
	} {
		words := strings.Fields(c.line)
		for i := range words {
			words[i] = strings.Trim(words[i], "'")
		}
		code, out, errs := call(t, "", words...)
		if code != exitUsage || out != "" {
			t.Errorf("%s: exit code %d, stdout %q; want %d and nothing", c.line, code, out, exitUsage)
		}
		if !strings.HasPrefix(errs, "switchyard: ") || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: stderr %q, want one line with %q", c.line, errs, c.want)
		}
	}
	code, out, errs := call(t, "", "validate", "nowhere", "--output", "json")
	if want := `{"error":{"code":"UsageError","message":"nowhere: there is no such folder"}}` + "\n"; code != exitUsage || out != "" || errs != want {
		t.Errorf("JSON: exit code %d, stdout %q, stderr %q; want %s", code, out, errs, want)
	}
	code, out, errs = call(t, "")
	if code != exitUsage || !strings.Contains(out, "usage: switchyard COMMAND") || errs != "" {
		t.Errorf("no arguments: exit code %d, stdout %q, stderr %q; want the overview and %d", code, out, errs, exitUsage)
	}
}

// TestNotRunning: the commands that need a running Switchyard fail with its data
// directory's name and how to start one: that is no mistake in the command line.
func TestNotRunning(t *testing.T) {
	for _, line := range []string{"peek q", "receive q", "send q body", "resubmit q", "purge q", "runs", "runs show x",
		"runs start p", "triggers", "env --output json --wait 0s", "down"} {
		code, out, errs := call(t, "", append(strings.Fields(line), "--data", "nowhere")...)
		if code != exitFailed || out != "" || !strings.Contains(errs, "no Switchyard is running on the data directory nowhere") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", line, code, out, errs)
		}
	}
}

// TestQuestionsAreBounded: what asks a Switchyard says how long the answer may take, with
// one flag and one default. What waits until one is ready, or has stopped, has that bound.
func TestQuestionsAreBounded(t *testing.T) {
	asking := 0
	for _, c := range all(commands) {
		if c.run == nil || !slices.Contains(c.settings, "data") || slices.Contains(c.settings, "ephemeral") {
			continue // a group, or what serves itself
		}
		asking++
		if !slices.ContainsFunc(c.settings, func(name string) bool {
			return name == "timeout" || name == "wait@ready" || name == "wait@stopped"
		}) {
			t.Errorf("%s asks a Switchyard and has no --timeout", c.path)
		}
	}
	if asking < 20 {
		t.Errorf("%d commands ask a Switchyard", asking)
	}
}
