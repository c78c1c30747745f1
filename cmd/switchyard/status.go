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
	writeStatus(&b, s, time.Now(), e.tableWidth())
	if v.Bool("watch") {
		b.WriteString("\n")
	}
	_, err := e.stdout.Write([]byte(b.String()))
	return err
}

func writeStatus(b *strings.Builder, s *client.Status, now time.Time, columns int) {
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
	writeClients(b, s.Clients)
	writeRequests(b, s.Requests)
	for _, n := range s.Namespaces {
		writeNamespace(b, n, columns)
	}
	for _, f := range s.Factories {
		writeFactory(b, f, now, columns)
	}
}

// writeClients tells of clients, and of limits that they have met.
func writeClients(b *strings.Builder, c client.Clients) {
	if c.Connections > 0 {
		fmt.Fprintf(b, "%d connections of clients, %d links, %d messages unsettled, %s\n",
			c.Connections, c.Links, c.Unsettled, bytesText(c.Memory))
	}
	if r := c.Refused; r != (client.Refusals{}) {
		fmt.Fprintf(b, "refused because of a limit: %d connections, %d links, %d receivers with unsettled messages, %d connections for memory\n",
			r.Connections, r.Links, r.Unsettled, r.Memory)
	}
}

// writeRequests tells of requests under way, and of those that there was no memory for.
func writeRequests(b *strings.Builder, r client.Requests) {
	if r.Memory > 0 {
		fmt.Fprintf(b, "bodies of HTTP requests under way: %s\n", bytesText(r.Memory))
	}
	if r.Refused > 0 {
		fmt.Fprintf(b, "refused because of a limit: %d HTTP requests for memory\n", r.Refused)
	}
}

func writeNamespace(b *strings.Builder, n client.NamespaceStatus, columns int) {
	fmt.Fprintf(b, "\nnamespace %s at %s\n", printable(n.Name), n.Address)
	if len(n.Queues)+len(n.Topics) == 0 {
		b.WriteString("  no queues or topics\n")
		return
	}
	t := counted("QUEUE", "ACTIVE", "DEAD", "SCHEDULED", "LOCKED")
	row := func(indent string, q client.QueueStatus) {
		t.add(indent+q.Name, fmt.Sprint(q.Active), fmt.Sprint(q.DeadLettered), fmt.Sprint(q.Scheduled), fmt.Sprint(q.Locked))
	}
	transfers := func(s client.TransferStatus) {
		if s != (client.TransferStatus{}) {
			t.add("  $Transfer", fmt.Sprint(s.Waiting), fmt.Sprint(s.Dead), "", "")
		}
	}
	for _, q := range n.Queues {
		row("", q)
		transfers(q.TransferStatus)
	}
	for _, topic := range n.Topics {
		t.add(topic.Name+" (topic)", "", "", "", "")
		transfers(topic.TransferStatus)
		for _, q := range topic.Subscriptions {
			row("  ", q)
		}
	}
	indent(b, t, columns)
}

// counted is a table of names with numbers behind them.
func counted(name string, numbers ...string) *table {
	t := &table{numbers: true, columns: []column{{title: name}}}
	for _, title := range numbers {
		t.columns = append(t.columns, column{title: title, whole: true})
	}
	return t
}

// indent writes a table below a heading.
func indent(b *strings.Builder, t *table, columns int) {
	const by = "  "
	for line := range strings.Lines(t.layout(columns - len(by))) {
		b.WriteString(by + line)
	}
}

func writeFactory(b *strings.Builder, f client.FactoryStatus, now time.Time, columns int) {
	fmt.Fprintf(b, "\ndata factory %s, runs of the last %s\n", printable(f.Name), ago(now.Sub(f.RunsSince)))
	if len(f.Pipelines) > 0 {
		t := counted("PIPELINE", "RUNNING", "SUCCEEDED", "CANCELLED", "FAILED")
		for _, p := range f.Pipelines {
			t.add(p.Name, fmt.Sprint(p.Active), fmt.Sprint(p.Succeeded), fmt.Sprint(p.Cancelled), fmt.Sprint(p.Failed))
		}
		indent(b, t, columns)
	}
	if len(f.Triggers) > 0 {
		t := &table{columns: []column{{title: "TRIGGER"}, {title: "STATE", whole: true}, {title: "QUEUE"}}}
		for _, x := range f.Triggers {
			t.add(x.Name, x.State, x.Queue)
		}
		indent(b, t, columns)
	}
	for _, t := range f.Triggers {
		if t.Trouble != "" {
			fmt.Fprintf(b, "  %s takes no messages: %s\n", printable(t.Name), printable(t.Trouble))
		}
	}
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
