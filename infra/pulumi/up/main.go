// Command up is `pulumi up`, a message and its answer, for a machine that has Go and
// nothing else. It
//
//   - builds the Pulumi engine, once, into the user's cache;
//   - builds a Switchyard and runs it on free ports of this machine;
//   - attaches the local provider and runs the program of this module;
//   - sends a ticket to the queue that the program exports, with the SDK;
//   - waits for the run that answers it, and receives the result.
//
// It ends what it started, also when it is interrupted. With -keep it waits for an
// interrupt first.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"

	"switchyard/infra/pulumi/local"
	"switchyard/infra/pulumi/program"
)

func main() {
	var o options
	flag.BoolVar(&o.keep, "keep", false, "keep Switchyard running until an interrupt")
	flag.StringVar(&o.text, "text",
		"URGENT: our shop is down since 8 am and nobody answers the phone!", "text of the ticket")
	flag.StringVar(&o.tier, "tier", "Standard", "tier of the namespace: Basic, Standard or Premium")
	flag.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to wait for the answer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "up:", err)
		os.Exit(1)
	}
}

type options struct {
	keep    bool
	text    string
	tier    string
	timeout time.Duration
}

func run(ctx context.Context, o options) error {
	engine, err := local.Engine(ctx, os.Stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "switchyard-up-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	fmt.Println("building and starting Switchyard")
	s, err := local.Start(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Stop()
	// The program runs in this process and asks its environment, as it would under
	// `eval "$(switchyard env)"`.
	for k, v := range s.Env {
		if err := os.Setenv(k, v); err != nil {
			return err
		}
	}
	p, err := local.Attach(filepath.Join(dir, "pulumi"), engine, s.Env,
		slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer p.Stop()

	stack, err := p.Stack(ctx, "switchyard-reference", "local", program.Deploy)
	if err != nil {
		return err
	}
	if err := stack.SetConfig(ctx, "tier", auto.ConfigValue{Value: o.tier}); err != nil {
		return err
	}
	fmt.Println("pulumi up")
	up, err := stack.Up(ctx, optup.ProgressStreams(os.Stdout), optup.SuppressProgress())
	if err != nil {
		// The error repeats what was printed.
		return fmt.Errorf("pulumi up failed for the reason above; Switchyard's log ends with\n%s", s.Log())
	}
	out := map[string]string{}
	for k, v := range up.Outputs {
		out[k] = fmt.Sprint(v.Value)
	}
	if err := ask(ctx, s.Env, out, o); err != nil {
		return fmt.Errorf("%w\n%s", err, s.Log())
	}
	if o.keep {
		fmt.Printf("\nSwitchyard keeps running; another terminal reaches it with\n%s\n\nCtrl-C ends it\n", s.Eval())
		<-ctx.Done()
	}
	return nil
}

// ask sends a ticket, and shows its answer and the run that gave it.
func ask(ctx context.Context, env, out map[string]string, o options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, errors.New("no answer in time"))
	defer cancel()
	fmt.Printf("\nsending a ticket to the queue %s\n", out["service_bus_queue_name"])
	answer, err := sendAndReceive(ctx, out, o.text)
	if err != nil {
		return because(ctx, err)
	}
	r, err := finished(ctx, env, out, answer.run)
	if err != nil {
		return because(ctx, err)
	}
	fmt.Printf("\nrun     %s\n        %s, pipeline %s, started by %s, %d ms\nresult  %s\n",
		r.ID, r.Status, r.Pipeline, r.InvokedBy.Name, r.Duration, answer.body)
	return nil
}

// because replaces "context deadline exceeded" by what was waited for.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
