package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"switchyard/client"
	"switchyard/config"
)

// watchPause is how long --watch waits before it asks again.
const watchPause = 2 * time.Second

// status shows what there is in the Switchyard on the data directory and how it is.
func status(ctx context.Context, e *env, v *config.Values, _ []string) int {
	for {
		ep, err := running(ctx, v)
		var s *client.Status
		if err == nil {
			s, err = ep.Status(ctx)
		}
		if ctx.Err() != nil {
			return exitOK
		}
		if err != nil {
			return e.fail(err)
		}
		if err := showStatus(e, v, s); err != nil {
			return e.fail(err)
		}
		if !v.Bool("watch") {
			return exitOK
		}
		select {
		case <-ctx.Done():
			return exitOK
		case <-time.After(watchPause):
		}
	}
}

// showStatus writes one status: on a terminal that watches, in the place of the one
// before.
func showStatus(e *env, v *config.Values, s *client.Status) error {
	if e.json {
		return jsonLine(e.stdout, s)
	}
	var b strings.Builder
	switch {
	case v.Bool("watch") && isTerminal(e.stdout):
		b.WriteString("\x1b[H\x1b[2J")
	case v.Bool("watch"):
		fmt.Fprintf(&b, "%s\n", time.Now().Format(time.RFC3339))
	}
	writeStatus(&b, s, time.Now())
	if v.Bool("watch") {
		b.WriteString("\n")
	}
	_, err := e.stdout.Write([]byte(b.String()))
	return err
}

// nameWidth leaves room in 80 columns for the numbers behind a name.
const nameWidth = 38

func writeStatus(b *strings.Builder, s *client.Status, now time.Time) {
	kept := "data directory " + s.DataDir
	if s.Ephemeral {
		kept = "in memory"
	}
	fmt.Fprintf(b, "%s, up %s, process %d, %s\n%s\n", s.Health.Status, now.Sub(s.Since).Round(time.Second), s.PID, s.Auth,
		printable(kept))
	if s.Version != "" {
		fmt.Fprintf(b, "version %s\n", s.Version)
	}
	if s.Health.Status != "healthy" {
		fmt.Fprintf(b, "%s\n", printable(s.Health.Message))
	}
	if s.Disk != nil {
		fmt.Fprintf(b, "%s used, %s free on the disk\n", bytesText(s.Disk.Used), bytesText(s.Disk.Free))
	}
	fmt.Fprintf(b, "HTTP and HTTPS at %s\n", s.HTTP)
	for _, n := range s.Namespaces {
		writeNamespace(b, n)
	}
	for _, f := range s.Factories {
		writeFactory(b, f, now)
	}
}

func writeNamespace(b *strings.Builder, n client.NamespaceStatus) {
	fmt.Fprintf(b, "\nnamespace %s at %s\n", n.Name, n.Address)
	if len(n.Queues)+len(n.Topics) == 0 {
		b.WriteString("  no queues or topics\n")
		return
	}
	fmt.Fprintf(b, "  %-*s %8s %9s %9s %8s\n", nameWidth, "QUEUE", "ACTIVE", "DEAD", "SCHEDULED", "LOCKED")
	row := func(indent string, q client.QueueStatus) {
		fmt.Fprintf(b, "  %s %8d %9d %9d %8d\n", padded(indent+q.Name), q.Active, q.DeadLettered, q.Scheduled, q.Locked)
	}
	for _, q := range n.Queues {
		row("", q)
	}
	for _, t := range n.Topics {
		fmt.Fprintf(b, "  %s\n", strings.TrimRight(padded(t.Name+" (topic)"), " "))
		for _, q := range t.Subscriptions {
			row("  ", q)
		}
	}
}

func writeFactory(b *strings.Builder, f client.FactoryStatus, now time.Time) {
	fmt.Fprintf(b, "\ndata factory %s, runs of the last %s\n", f.Name, ago(now.Sub(f.RunsSince)))
	if len(f.Pipelines) > 0 {
		fmt.Fprintf(b, "  %-*s %8s %9s %9s %8s\n", nameWidth, "PIPELINE", "RUNNING", "SUCCEEDED", "CANCELLED", "FAILED")
	}
	for _, p := range f.Pipelines {
		fmt.Fprintf(b, "  %s %8d %9d %9d %8d\n", padded(p.Name), p.Active, p.Succeeded, p.Cancelled, p.Failed)
	}
	if len(f.Triggers) > 0 {
		fmt.Fprintf(b, "  %-*s %8s  %s\n", nameWidth, "TRIGGER", "STATE", "QUEUE")
	}
	for _, t := range f.Triggers {
		fmt.Fprintf(b, "  %s %8s  %s\n", padded(t.Name), t.State, cut(printable(t.Queue), 80-nameWidth-13))
	}
}

// padded is a name in its column.
func padded(name string) string {
	return fmt.Sprintf("%-*s", nameWidth, cut(printable(name), nameWidth))
}

// ago is a duration as people say it.
func ago(d time.Duration) string {
	if d = d.Round(time.Minute); d >= time.Hour {
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%d min", int(d.Minutes()))
}

// bytesText is a size in the unit that leaves few digits.
func bytesText(n int64) string {
	switch {
	case n < 0:
		return "an unknown amount"
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	default:
		return fmt.Sprintf("%d KiB", n>>10)
	}
}
