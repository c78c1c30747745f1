// Switchyard runs event-driven AI pipelines in Azure's own formats on this
// machine. This command parses, wires and reports; what it starts is in package
// system.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"switchyard/config"
)

// Exit codes of every command.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for was tried and did not succeed
	exitUsage  = 2 // the command line or a definition can't be understood
)

// A command is one verb of the program.
type command struct {
	name, operands, summary string
	help                    string   // what to know, with examples
	settings                []string // rows of config.Settings
	min, max                int      // number of operands
	// stops says that a first signal is for run to see. The other commands have
	// nothing to put in order, may be waiting for their input, and end at once.
	stops bool
	run   func(ctx context.Context, e *env, v *config.Values, operands []string) int
}

// env is what a command may touch of the process.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

func (e *env) printf(format string, a ...any) { fmt.Fprintf(e.stdout, format, a...) }

// fail reports an error in one line on standard error.
func (e *env) fail(err error) int {
	fmt.Fprintln(e.stderr, "switchyard:", err)
	if _, ok := errors.AsType[*config.UsageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func (e *env) logger(v *config.Values) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(v.String("log-level"))); err != nil {
		return nil, &config.UsageError{Msg: "log-level: " + v.String("log-level") +
			" is not debug, info, warn or error"}
	}
	o := &slog.HandlerOptions{Level: level}
	switch f := v.String("log-format"); f {
	case "text":
		return slog.New(slog.NewTextHandler(e.stderr, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(e.stderr, o)), nil
	default:
		return nil, &config.UsageError{Msg: "log-format: " + f + " is not text or json"}
	}
}

func main() {
	os.Exit(Main(os.Args[1:], &env{os.Stdin, os.Stdout, os.Stderr}))
}

// output is where answers go. It remembers that one got lost, which those who
// print need not ask after each line.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// Main runs one command line and returns its exit code. Success means that its
// answer was written, too.
func Main(args []string, e *env) int {
	out := &output{w: e.stdout}
	inner := *e
	inner.stdout = out
	code := dispatch(args, &inner)
	if out.err != nil {
		e.fail(fmt.Errorf("standard output: %w", out.err))
		code = max(code, exitFailed)
	}
	return code
}

func dispatch(args []string, e *env) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		if len(args) > 1 {
			if c := find(args[1]); c != nil {
				printHelp(e.stdout, c)
				return exitOK
			}
			return e.fail(&config.UsageError{
				Msg: fmt.Sprintf("there is no command %q; switchyard help lists them", args[1])})
		}
		printOverview(e.stdout)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	c := find(args[0])
	if c == nil {
		return e.fail(&config.UsageError{
			Msg: fmt.Sprintf("there is no command %q; switchyard help lists them", args[0])})
	}
	v, operands, err := config.Parse(c.settings, args[1:], config.OS)
	if errors.Is(err, config.ErrHelp) {
		printHelp(e.stdout, c)
		return exitOK
	}
	if err != nil {
		return e.fail(err)
	}
	if len(operands) < c.min || len(operands) > c.max {
		return e.fail(&config.UsageError{Msg: strings.TrimSpace("usage: switchyard " + c.name + " " + c.operands)})
	}
	if has(c.settings, "output") {
		if o := v.String("output"); o != "text" && o != "json" {
			return e.fail(&config.UsageError{Msg: fmt.Sprintf("output: %s is not text or json", o)})
		}
	}
	if !c.stops {
		return c.run(context.Background(), e, v, operands)
	}
	ctx, stop := signals(e)
	defer stop()
	return c.run(ctx, e, v, operands)
}

// signals returns a context that the first signal ends, for a graceful stop. A
// second signal ends the process at once.
func signals(e *env) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-ch:
			cancel()
		case <-done:
			return
		}
		select {
		case <-ch:
			fmt.Fprintln(e.stderr, "switchyard: second signal, stopping at once")
			os.Exit(130)
		case <-done:
		}
	}()
	return ctx, func() { signal.Stop(ch); close(done); cancel() }
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func find(name string) *command {
	for i := range commands {
		if commands[i].name == name {
			return &commands[i]
		}
	}
	return nil
}

func printOverview(w io.Writer) {
	fmt.Fprint(w,
		"Switchyard runs Azure Service Bus and Data Factory pipelines on this machine.\n\nusage: switchyard "+
			"COMMAND [flags] [operands]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\nswitchyard help COMMAND tells more. Try: switchyard demo\n")
}

func printHelp(w io.Writer, c *command) {
	fmt.Fprintf(w, "%s.\n\nusage: switchyard %s", upperFirst(c.summary), c.name)
	if c.operands != "" {
		fmt.Fprint(w, " ", c.operands)
	}
	fmt.Fprint(w, "\n\n", c.help, "\n")
	if len(c.settings) > 0 {
		fmt.Fprint(w, "\nflags:\n", config.FlagHelp(append(append([]string(nil), c.settings...), "config")))
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	if c := s[0]; 'a' <= c && c <= 'z' {
		return string(c-32) + s[1:]
	}
	return s
}
