package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"switchyard/bridge"
	"switchyard/broker"
	"switchyard/client"
	"switchyard/clock"
	"switchyard/deploy"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/servicebus"
)

// A Log turns events into lines. Its methods do not block, and are safe for concurrent
// use.
type Log struct {
	log   *slog.Logger
	dead  *bursts
	login *bursts
	where []any // which program serves what and where, once it is started; written by Started only
}

// New returns a log of lines that go to logger. The clock measures how often.
func New(logger *slog.Logger, c clock.Clock) *Log {
	return &Log{log: logger, dead: newBursts(c), login: newBursts(c)}
}

// Close writes what was counted and not told yet.
func (l *Log) Close() {
	l.dead.close()
	l.login.close()
}

func (l *Log) debug() bool { return l.log.Enabled(context.Background(), slog.LevelDebug) }

// Started tells that clients are served, at which addresses and in which mode; bus is nil
// where there is no Service Bus port.
func (l *Log) Started(version, auth string, web net.Addr, bus net.Listener, e client.Endpoints) {
	data, at := e.DataDir, ""
	if e.Ephemeral {
		data = "memory"
	}
	if bus != nil {
		at = bus.Addr().String()
	}
	l.where = []any{"version", version, "data", data, "serviceBus", at, "http", web.String()}
	l.log.Info("started", append(slices.Clone(l.where), "auth", auth, "namespaces", len(e.Namespaces), "factories", len(e.Factories))...)
}

// Waits says what a stop waits for, in words that follow "waits": at most grace for the
// activities of active runs that execute.
func Waits(grace time.Duration, runs, activities int) string {
	if activities == 0 {
		return "for the last writes"
	}
	return fmt.Sprintf("up to %v for what executes: activities %d, of active runs %d; what does not end goes on at "+
		"the next start", grace, activities, runs)
}

// Stopped tells that all is written and closed, of what [Log.Started] has told.
func (l *Log) Stopped(served time.Duration) {
	l.log.Info("stopped", append(slices.Clone(l.where), "served", served.Round(time.Millisecond))...)
}

// Deployed tells that what a folder declares is there.
func (l *Log) Deployed(d *deploy.Deployment) {
	a := []any{"what", d.Summary()}
	if d.Factory != nil {
		a = append(a, "factory", d.Factory.Name)
	}
	l.log.Info("deployed", a...)
}

// RunFinished tells that a run has ended, at info also of those that failed: what that
// means is for the pipeline's author to say. The text of an error is left out, since it
// may quote a message.
func (l *Log) RunFinished(f engine.FinishedRun) {
	a := []any{"run", f.ID, "factory", f.Factory, "pipeline", f.Pipeline, "status", f.Status.String(),
		"duration", f.Ended.Sub(f.Started).Round(time.Millisecond)}
	if n := bridge.Messages(f.Binding); n > 0 {
		a = append(a, "trigger", f.Trigger, "messages", n)
	}
	if f.FailedActivity != "" {
		a = append(a, "failedActivity", f.FailedActivity)
	}
	if f.Error != nil {
		a = append(a, "errorCode", shown(f.Error.Code))
	}
	l.log.Info("run finished", a...)
}

// DeadLettered tells that messages have come into a dead-letter queue. A queue has at
// most one line a second, with the count of what came since the last, and the id and the
// reason of the latest.
func (l *Log) DeadLettered(namespace, queue, id, reason string, messages int) {
	l.dead.happened(namespace+"\x00"+queue, messages, func(n int) {
		l.log.Info("dead-lettered", "namespace", namespace, "queue", queue, "messages", n, "id", shown(id),
			"reason", shown(reason))
	})
}

// IdleDeleted tells that an entity was deleted because nobody has used it.
func (l *Log) IdleDeleted(d broker.IdleDeletion) {
	l.log.Info("deleted, because nobody used it", "kind", d.Kind.String(), "namespace", d.Namespace, "entity", d.Path,
		"autoDeleteOnIdle", d.Idle, "messages", d.Messages)
}

// Triggers tells of triggers that begin and end to start runs.
func (l *Log) Triggers() factory.EventListener {
	tell := func(line string) func(factory, trigger string) {
		return func(factory, trigger string) { l.log.Info(line, "factory", factory, "trigger", trigger) }
	}
	return factory.EventListener{TriggerStarted: tell("trigger started"), TriggerStopped: tell("trigger stopped")}
}

// Refused tells that a login, or a token, was not accepted: what says which, who what
// the client calls itself, if it said so. A client has at most one line a second.
func (l *Log) Refused(what, remote, who, why string) {
	host := remote
	if i := strings.LastIndexByte(remote, ':'); i > 0 {
		host = remote[:i] // the ports of one client differ
	}
	l.login.happened(what+"\x00"+host+"\x00"+who, 1, func(n int) {
		l.log.Warn(what+" refused", "client", shown(who), "remote", remote, "times", n, "why", shown(why))
	})
}

// Connections tells of tokens that are refused and, at debug, of links.
func (l *Log) Connections() servicebus.EventListener {
	e := servicebus.EventListener{Refused: func(remote, who, why string) {
		l.Refused("Service Bus token", remote, who, why)
	}}
	if l.debug() {
		e.Link = func(what servicebus.LinkEvent, namespace, address, role, remote string) {
			l.log.Debug("link "+string(what), "namespace", namespace, "address", shown(address), "role", role,
				"remote", remote)
		}
	}
	return e
}

// Activities tells, at debug, of attempts of activities that have ended; otherwise it is
// nil.
func (l *Log) Activities() func(engine.FinishedActivity) {
	if !l.debug() {
		return nil
	}
	return func(f engine.FinishedActivity) {
		a := []any{"run", f.Run, "activity", f.Path, "attempt", f.Attempt, "status", f.Status.String()}
		if f.Error != nil {
			a = append(a, "errorCode", shown(f.Error.Code))
		}
		l.log.Debug("activity finished", a...)
	}
}

// maxShown is how many bytes of what a client chose are in a line.
const maxShown = 128

// shown makes printable what a client chose, and cuts it.
func shown(s string) string {
	cut := len(s) > maxShown
	if cut {
		s = s[:maxShown]
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if cut {
		s += "…"
	}
	return s
}
