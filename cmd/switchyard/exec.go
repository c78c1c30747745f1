package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"switchyard/client"
	"switchyard/config"
	"switchyard/deploy"
	"switchyard/system"
)

// Exit codes of exec beside those of its command, as env(1) and timeout(1) have them.
const (
	exitNoServer   = 125
	exitNotRunable = 126
	exitNotFound   = 127
	exitSignal     = 128 // and the number of the signal that ended the command
)

// execute runs a command with the environment of a Switchyard.
func execute(ctx context.Context, e *env, v *config.Values, operands []string) int {
	var ep client.Endpoints
	if v.String("start") != "" {
		sys, code := startFor(ctx, e, v)
		if sys == nil {
			return code
		}
		defer sys.Stop()
		ep = sys.Endpoints()
	} else {
		var err error
		if ep, err = client.WaitReady(ctx, v.String("data"), v.Duration("wait")); err != nil {
			e.fail(err)
			return exitNoServer
		}
	}
	cmd := exec.Command(operands[0], operands[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.stdin, e.stdout, e.stderr
	if f := file(e.stdout); f != nil {
		cmd.Stdout = f // what it writes to a terminal goes to a terminal
	}
	cmd.Env = append(os.Environ(), "SWITCHYARD_DATA="+ep.Dir())
	for _, x := range ep.Environment() {
		cmd.Env = append(cmd.Env, x.Name+"="+x.Value) // the last one of a name counts
	}
	return e.finish(cmd)
}

// startFor starts the Switchyard of --start. It returns nil and an exit code if that
// fails.
func startFor(ctx context.Context, e *env, v *config.Values) (*system.System, int) {
	o, err := options(ctx, e, v)
	if err != nil {
		return nil, e.fail(err)
	}
	d, code := readFolder(e, v.String("start"), modeOf(v))
	if code != exitOK {
		return nil, code
	}
	o.Deployments = []*deploy.Deployment{d}
	o.Ephemeral, o.DataDir = true, "" // nobody else is to find it
	if !v.IsSet("amqp-address") {
		o.AMQPAddress = ""
	}
	if !v.IsSet("http-address") {
		o.HTTPAddress = ""
	}
	if !v.IsSet("grace") {
		o.Grace = 1 // nothing of it is kept
	}
	sys, err := system.Start(ctx, o)
	if err != nil {
		e.fail(err)
		return nil, exitNoServer
	}
	return sys, exitOK
}

// finish runs a command to its end, passes signals on to it, and returns its exit code.
func (e *env) finish(cmd *exec.Cmd) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	err := cmd.Start()
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		e.fail(fmt.Errorf("%s: there is no such command", cmd.Args[0]))
		return exitNotFound
	case err != nil:
		e.fail(fmt.Errorf("%s: %w", cmd.Args[0], err))
		return exitNotRunable
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // its state says how it ended
	for {
		select {
		case s := <-signals:
			if !reachesGroup(s) {
				_ = cmd.Process.Signal(s) // it may have ended
			}
		case <-ended:
			return exitCode(cmd.ProcessState)
		}
	}
}
