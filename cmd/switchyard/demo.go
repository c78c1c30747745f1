package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/client"
	"switchyard/config"
	"switchyard/deploy"
	"switchyard/examples"
	"switchyard/system"
)

const (
	demoExample = "ticket-triage"
	inQueue     = "tickets"
	outQueue    = "triaged"
	// demoPatience is how long the demonstration waits for the next answer
	// before it says which are missing.
	demoPatience = time.Minute
)

func demo(ctx context.Context, e *env, v *config.Values, _ []string) int {
	o, err := options(ctx, e, v)
	if err != nil {
		return e.fail(err)
	}
	if !v.IsSet("log-level") {
		// Who looks on for the first time should not take news for trouble.
		o.Logger = slog.New(quiet{o.Logger.Handler()})
	}
	example, err := fs.Sub(examples.FS, demoExample)
	if err != nil {
		return e.fail(err)
	}
	tickets, err := readTickets(example)
	if err != nil {
		return e.fail(err)
	}
	all := len(tickets)
	if !v.Bool("all") {
		tickets = slices.DeleteFunc(tickets, func(t *ticket) bool { return !t.First })
	}
	d, code := readDeployment(e, example, demoExample, modeOf(v))
	if code != exitOK {
		return code
	}
	o.Deployments = []*deploy.Deployment{d}
	sys, err := system.Start(ctx, o)
	if err != nil {
		return e.fail(err)
	}
	text := v.String("output") != "json"
	if text {
		e.printf("Switchyard is up: Service Bus at %s, and a data factory with the\npipeline TicketTriage, "+
			"which messages in the queue %s start.\n\n", sys.Endpoints().AMQP, inQueue)
	}
	sum, err := triage(ctx, e, sys, tickets, text)
	switch {
	case err != nil:
		code = e.fail(err)
	case text:
		sum.print(e)
		if err := sum.verdict(); err != nil {
			code = e.fail(err)
		} else {
			printNext(e, v, all-len(tickets))
		}
	default:
		if code = sum.printJSON(e); code == exitOK && sum.verdict() != nil {
			code = e.fail(sum.verdict())
		}
	}
	if v.Bool("keep") && ctx.Err() == nil {
		if text {
			e.printf("\n")
		}
		if err := printEndpoints(ctx, e, v, client.Server{Endpoints: sys.Endpoints(), Patience: answerPatience}); err != nil {
			code = e.fail(err)
		}
		if text {
			e.printf("\nstaying up until a signal comes\n")
		}
		<-ctx.Done()
		return max(code, stop(e, sys))
	}
	if err := sys.Stop(); err != nil {
		code = e.fail(err)
	}
	return code
}

// quiet is a log without what is no trouble.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

// triage sends the tickets and collects what becomes of each. A terminal sees how far
// it is, if progress asks for that.
func triage(ctx context.Context, e *env, sys *system.System, tickets []*ticket, progress bool) (*triageSummary, error) {
	var mark [4]byte
	if _, err := rand.Read(mark[:]); err != nil {
		return nil, err
	}
	// The data directory may hold tickets of an earlier demonstration that was
	// killed: they are finished too, and told apart by this suffix.
	suffix := "/" + hex.EncodeToString(mark[:])

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := azservicebus.NewClientFromConnectionString(sys.Endpoints().ConnectionString, nil)
	if err != nil {
		return nil, err
	}
	defer client.Close(context.WithoutCancel(ctx))

	began := time.Now()
	answers := &answers{byID: map[string]*answer{}, news: make(chan struct{}, 1)}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	failed := make(chan error, 2)
	for _, queue := range []string{outQueue, "dead-letter"} {
		wg.Go(func() {
			if err := answers.collect(ctx, client, queue); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	var sent atomic.Int64
	wg.Go(func() {
		if err := sendTickets(ctx, client, tickets, suffix, &sent); err != nil && ctx.Err() == nil {
			failed <- err
		}
	})

	show := progress && isTerminal(e.stderr)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for mine, last := 0, time.Now(); mine < len(tickets); {
		select {
		case <-answers.news:
			mine, last = answers.count(suffix), time.Now()
		case <-tick.C:
			if time.Since(last) > demoPatience {
				return nil, answers.missing(tickets, suffix)
			}
		case err := <-failed:
			return nil, err
		case <-ctx.Done():
			return nil, errors.New(
				"interrupted; the tickets that were accepted will be finished when a demo starts on this data directory again")
		}
		if show {
			fmt.Fprintf(e.stderr, "\rtickets sent %d, answered %d of %d ", sent.Load(), mine, len(tickets))
		}
	}
	took := time.Since(began)
	if show {
		fmt.Fprintf(e.stderr, "\r%*s\r", unknownWidth-1, "")
	}
	// A duplicate would come out after its first copy: a short look for one.
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
	}
	cancel()
	wg.Wait()
	return summarize(sys, answers, tickets, suffix, took), nil
}

func sendTickets(ctx context.Context, client *azservicebus.Client, tickets []*ticket, suffix string,
	sent *atomic.Int64) error {
	s, err := client.NewSender(inQueue, nil)
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	for _, t := range tickets {
		id := t.MessageID + suffix
		m := &azservicebus.Message{MessageID: &id, Body: t.body()}
		if t.ContentType != "" {
			m.ContentType = &t.ContentType
		}
		if err := s.SendMessage(ctx, m, nil); err != nil {
			return fmt.Errorf("send ticket %s: %w", t.Name, err)
		}
		sent.Add(1)
	}
	return nil
}
