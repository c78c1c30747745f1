package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/Azure/go-amqp"

	"switchyard/bench/workload"
	"switchyard/client"
	"switchyard/clock"
	"switchyard/config"
)

// benchQuiet is how long a server is left alone before its memory is measured: it may still
// write what it has accepted, and give memory back.
const benchQuiet = 10 * time.Second

const benchAMQPHelp = `Sends numbered messages to a queue of any AMQP 1.0 server, receives and settles
each, and prints what that took. The queue is one that nobody else uses, and
empty; what a stopped measurement has left there is removed first. If a message
is lost, comes twice, comes back changed or overtakes one of the same producer,
the command fails, and names which.

  small    1 KiB: 16 connections send, 16 messages of each on their way; then
           one consumer receives, with a credit of 256. 200,000 messages
  both     1 KiB: 16 connections send while 4 receive. 200,000 messages
  large    as small, of 64 KiB. 8,192 messages
  backlog  as small, of 256 bytes. 1,000,000 messages; with --pid it tells what
           the server's memory has grown by, after ten quiet seconds

Without a name all four are measured. Nothing is put under load that --url does
not name. User and password stand in the URL, with %2F and so on for what has a
meaning there; a connection string of Service Bus does in place of a URL.

  switchyard bench amqp small both --url "$CONNECTION_STRING" --address bench
  switchyard bench amqp --url amqp://guest:guest@127.0.0.1:5672 \
    --address /queues/bench --pid 4711 --device vda`

// benchAMQP measures an AMQP endpoint, which need not be a Switchyard's.
func benchAMQP(ctx context.Context, e *env, v *config.Values, operands []string) int {
	list, err := workloads(operands, v)
	if err != nil {
		return e.fail(err)
	}
	m, err := measurement(v)
	if err != nil {
		return e.fail(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, v.Duration("limit"),
		lateError(fmt.Sprintf("the workloads were not done in %s; --limit sets how long they may take", v.Duration("limit"))))
	defer cancel()
	collectLess(os.Getenv(goGrowth))
	t := &benchTable{e: e}
	for _, w := range list {
		if err := m.Run(ctx, w, t.add); err != nil {
			if errors.Is(context.Cause(ctx), context.Canceled) {
				err = errors.New("stopped by a signal; the next measurement removes what is left in the queue")
			}
			if _, refused := errors.AsType[*amqp.Error](err); refused { // not in the SDK's notation
				return e.fail(client.Explain("bench "+m.Address, m.Endpoint.String(), err))
			}
			return e.fail(fmt.Errorf("bench %s at %s: %w", m.Address, m.Endpoint, err))
		}
	}
	t.explain()
	return exitOK
}

// goGrowth is the variable by which every Go program is told how much its heap may grow
// between collections, in percent.
const goGrowth = "GOGC"

// collectLess has the driver's few megabytes collected a fifth as often, unless the variable
// says how often: the tenth of its time that collections took is the server's to have.
func collectLess(variable string) {
	if variable == "" {
		debug.SetGCPercent(500)
	}
}

// workloads are those that a command line names; without names all.
func workloads(names []string, v *config.Values) ([]workload.Workload, error) {
	list := slices.Clone(workload.All)
	if len(names) > 0 {
		list = list[:0]
	}
	for _, name := range names {
		i := slices.IndexFunc(workload.All, func(w workload.Workload) bool { return w.Name == name })
		if i < 0 {
			return nil, &config.UsageError{CommandLine: true, Msg: fmt.Sprintf("%q is none of the workloads small, both, large and backlog", name)}
		}
		list = append(list, workload.All[i])
	}
	if v.String("count") == "" {
		return list, nil
	}
	n := v.Int("count")
	if n < 1 || n > workload.MaxMessages {
		return nil, &config.UsageError{CommandLine: true,
			Msg: fmt.Sprintf("--count: %d is not a number from 1 to %d", n, workload.MaxMessages)}
	}
	for i := range list {
		list[i].Messages = n
	}
	return list, nil
}

func measurement(v *config.Values) (*workload.Measurement, error) {
	if v.String("url") == "" {
		return nil, &config.UsageError{CommandLine: true, Msg: "--url is missing: nothing is put under load that was not named"}
	}
	endpoint, err := workload.ParseEndpoint(v.String("url"))
	if err != nil {
		return nil, &config.UsageError{CommandLine: true, Msg: "--url: " + err.Error()}
	}
	m := &workload.Measurement{
		Endpoint: endpoint, Address: v.String("address"), Second: v.String("settle") == "second",
		Server: workload.Process(v.Int("pid")), Client: workload.Process(os.Getpid()), Device: workload.Device(v.String("device")),
		Stall: v.Duration("timeout"), Empty: time.Second / 2, Quiet: benchQuiet, Clock: clock.Wall{},
	}
	if err := m.Check(); err != nil {
		return nil, &config.UsageError{CommandLine: true, Msg: err.Error()}
	}
	return m, nil
}

// A benchTable prints figures as they come: the whole takes minutes.
type benchTable struct {
	e     *env
	begun bool
}

const benchColumns = "%-14s %9s %8s %7s %7s %7s %8s %7s\n"

func (t *benchTable) add(f workload.Figure) {
	if t.e.json {
		_ = jsonLine(t.e.stdout, f) // Main reports it
		return
	}
	if !t.begun {
		t.e.printf(benchColumns, "WORKLOAD", "MESSAGES", "PER SEC", "MB/SEC", "SRV US", "CLI US", "FLUSHES", "MEM MIB")
		t.begun = true
	}
	name := strings.TrimSuffix(f.Workload+" "+f.Phase, " "+f.Workload)
	t.e.printf(benchColumns, name, fmt.Sprint(f.Messages), fmt.Sprintf("%.0f", f.PerSecond), fmt.Sprintf("%.1f", f.Megabytes),
		measured("%.1f", f.ServerCPU), measured("%.1f", f.ClientCPU), measured("%d", f.Flushes), measured("%.1f", mebibytes(f.Memory)))
	if f.OverIdle != nil {
		t.e.printf("%-14s %+.1f MiB over idle while all of them wait\n", "", *mebibytes(f.OverIdle))
	}
}

// explain tells what the columns are.
func (t *benchTable) explain() {
	if !t.e.json {
		t.e.printf("\nSRV US and CLI US are processor time of the server and of this command for each\n" +
			"message, in microseconds; MEM MIB is what of the server is resident at the end.\n" +
			"Every message came back once, whole, and in the order of its producer.\n")
	}
}

// measured writes what was measured, or a dash for what was not.
func measured[T any](format string, v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v)
}

func mebibytes(n *int64) *float64 {
	if n == nil {
		return nil
	}
	m := float64(*n) / (1 << 20)
	return &m
}
