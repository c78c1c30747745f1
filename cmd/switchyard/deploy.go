package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"time"

	"switchyard/client"
	"switchyard/config"
	"switchyard/deploy"
)

// deployFolder deploys a folder into the Switchyard that runs on the data directory. The
// plan is told before anything is done.
func deployFolder(ctx context.Context, e *env, v *config.Values, operands []string) int {
	dir := operands[0]
	if err := checkFolder(dir); err != nil {
		return e.fail(err)
	}
	s, err := running(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	packed, err := client.Pack(os.DirFS(dir))
	if err != nil {
		return e.fail(err)
	}
	a, err := s.Deploy(ctx, dir, packed, deployOptions(modeOf(v), true))
	if err != nil {
		return e.fail(err)
	}
	if code := e.tellPlan(a); code != exitOK || v.Bool("plan") {
		return code
	}
	if a, err = s.Deploy(ctx, dir, packed, deployOptions(modeOf(v), false)); err != nil {
		return e.fail(err)
	}
	if a.Refused { // after all
		return e.tellPlan(a)
	}
	if !e.json {
		e.printf("%s is deployed\n", dir)
		printTroubles(e.stdout, troublesOf(ctx, s))
	}
	return exitOK
}

func deployOptions(m deploy.Mode, plan bool) client.DeployOptions {
	return client.DeployOptions{Strict: m.Strict, Relaxed: m.Relaxed, Plan: plan}
}

// tellPlan tells what a deployment is going to do, or why it is refused.
func (e *env) tellPlan(a client.Deployed) int {
	if e.json {
		if code := e.answer(a); code != exitOK {
			return code
		}
	} else {
		if len(a.Diagnostics) > 0 {
			fmt.Fprintln(e.stderr, a.Diagnostics)
		}
		if !a.Refused {
			printPlan(e.stdout, a)
		}
	}
	if a.Refused {
		return e.failed(a.Diagnostics)
	}
	return exitOK
}

// printPlan tells what a deployment is going to do, above all what vanishes.
func printPlan(w io.Writer, a client.Deployed) {
	for _, x := range []struct {
		word string
		list []string
	}{{"removes", a.Removed}, {"adds", a.Added}, {"changes", a.Changed}} {
		for _, what := range x.list {
			fmt.Fprintf(w, "%-8s %s\n", x.word, what)
		}
	}
	if len(a.Removed)+len(a.Added)+len(a.Changed) == 0 {
		fmt.Fprintln(w, "nothing changes")
	}
}

// watchEvery is how often a watched folder is looked at.
const watchEvery = 500 * time.Millisecond

// packFolder packs a folder for who watches it. It returns nil if it can't be read at the
// moment: a file may be about to be replaced.
func packFolder(dir string) (packed []byte, sum [32]byte) {
	packed, err := client.Pack(os.DirFS(dir))
	if err != nil {
		return nil, sum
	}
	return packed, sha256.Sum256(packed)
}

// watch deploys a folder whenever it has changed and stays as it is for one look. What is
// wrong in it is told on standard error, and what is deployed then stays; what a deployment
// is going to do is told on standard output. It ends with ctx.
// Deployed is the state that is deployed already.
func watch(ctx context.Context, e *env, s client.Server, dir string, deployed [32]byte, mode deploy.Mode) {
	last := deployed
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		packed, now := packFolder(dir)
		settled := now == last
		if last = now; packed == nil || !settled || now == deployed {
			continue
		}
		deployed = now
		a, err := s.Deploy(ctx, dir, packed, deployOptions(mode, true))
		if err == nil && !a.Refused {
			if e.json {
				_ = jsonLine(e.stdout, a)
			} else {
				printPlan(e.stdout, a)
			}
			a, err = s.Deploy(ctx, dir, packed, deployOptions(mode, false))
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			fmt.Fprintf(e.stderr, "switchyard: %s is not deployed: %v\n", dir, err)
		case a.Refused:
			fmt.Fprintf(e.stderr, "%s\n%s is not deployed; what was deployed before stays\n",
				a.Diagnostics, dir)
		default:
			fmt.Fprintf(e.stderr, "%s is deployed\n", dir)
			printTroubles(e.stderr, troublesOf(ctx, s))
		}
	}
}
