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
	"slices"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"switchyard/config"
	"switchyard/eventlog"
)

// env is what a command may touch of the process.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	json           bool // errors are told as JSON
	evaluated      bool // standard output is evaluated by a shell: a failure fails there
	serving        bool // nobody need read standard output: the answer is that it serves
}

func (e *env) printf(format string, a ...any) { fmt.Fprintf(e.stdout, format, a...) }

func (e *env) logger(v *config.Values) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(v.String("log-level"))); err != nil {
		return nil, err // its choices are those of the setting
	}
	o := &slog.HandlerOptions{Level: level}
	if v.String("log-format") == "json" {
		return e.logs(slog.NewJSONHandler(e.stderr, o)), nil
	}
	return e.logs(slog.NewTextHandler(e.stderr, o)), nil
}

func main() {
	os.Exit(Main(os.Args[1:], &env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}

// output is where answers go. It remembers that one got lost, which those who
// print need not ask after each line.
type output struct {
	w io.Writer

	mu  sync.Mutex
	err error // guarded by mu
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err == nil {
		return n, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
	return n, lostError{err}
}

// A lostError is the error of a write to standard output. Main reports it, so that it is
// told once.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// lost returns the first error of a write.
func (o *output) lost() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Main runs one command line and returns its exit code. Success means that its
// answer was written, too.
func Main(args []string, e *env) int {
	out := &output{w: e.stdout}
	inner := *e
	inner.stdout = out
	errs := eventlog.NewWriter(e.stderr) // its reader may have stopped reading
	defer errs.Close()
	inner.stderr = errs
	code := dispatch(args, &inner)
	e.json = inner.json
	if err := out.lost(); err != nil && !(inner.serving && readerGone(err)) {
		inner.fail(fmt.Errorf("standard output: %w", err))
		code = max(code, exitFailed)
	}
	return code
}

func dispatch(args []string, e *env) int {
	if len(args) == 0 {
		printOverview(e.stdout)
		return exitUsage
	}
	switch args[0] {
	case "--help", "-help", "-h":
		args = append([]string{"help"}, args[1:]...)
	case "--version", "-version", "-v":
		args = append([]string{"version"}, args[1:]...)
	case cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return complete(args, e)
	}
	c, rest := find(args)
	if c == nil {
		return e.fail(unknown(nil, args[0]))
	}
	e.evaluated = c.evaluated
	v, operands, err := config.Parse(c.settings, rest, config.OS)
	if errors.Is(err, config.ErrHelp) {
		printHelp(e.stdout, c)
		return exitOK
	}
	e.json = slices.Contains(c.settings, "output") && v.String("output") == "json"
	if err == nil {
		err = c.check(operands)
	}
	if u, ok := errors.AsType[*config.UsageError](err); ok && u.CommandLine {
		return e.fail(&config.UsageError{Msg: u.Msg + "; switchyard help " + c.path + " tells more"})
	}
	if err != nil {
		return e.fail(err)
	}
	if !c.stops {
		return c.run(context.Background(), e, v, operands)
	}
	ctx, stop := signals(e)
	defer stop()
	return c.run(ctx, e, v, operands)
}

// signals returns a context that the first signal ends, for a graceful stop. Ctrl-C ends
// the process at once from then on; SIGTERM does not, since its sender, such as down, a
// supervisor or kill, may not know that the process stops already.
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
		for {
			select {
			case s := <-ch:
				if s != os.Interrupt {
					continue
				}
				fmt.Fprintln(e.stderr, "switchyard: Ctrl-C while it stops: it ends at once")
				e.flush()
				os.Exit(130)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() { signal.Stop(ch); close(done); cancel() }
}
