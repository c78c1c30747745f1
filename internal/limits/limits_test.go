// Package limits is a test: docs/limits.md, the page of everything that is limited, is made
// from the table here, the settings and the properties of Service Bus entities.
package limits

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/broker/description"
	"switchyard/config"
	"switchyard/internal/golden"
)

// A limit is a row of the page.
type limit struct {
	what    string
	bound   string // "": the setting's default
	setting string // of the program, or "maxSizeInMegabytes", of an entity; "": it can't be set
	at      string // what happens at the bound: the error that names it
}

var groups = []struct {
	name   string
	limits []limit
}{
	{"Disk", []limit{
		{what: "free space, looked at every 1 MiB or 256 changes", setting: "min-free", at: "507 `InsufficientStorage`, `amqp:resource-limit-exceeded`; see [a nearly full disk](reliability.md#promises)"},
		{what: "file that is given up on a full disk", setting: "ballast", at: "made again when there is room"},
		{what: "age of ended runs, since they changed last", setting: "history-age", at: "the run is deleted; 0: never"},
		{what: "ended runs of a factory, uncompressed", setting: "history-size", at: "the oldest go, down to 15/16 of it"},
		{what: "events and values of an active run, uncompressed", setting: "run-size", at: "`RunSizeExceeded` of each further activity"},
		{what: "failed runs of the same messages", bound: "one", at: "only the last keeps events and parameters"},
		{what: "size of a queue or topic", bound: "1,024 MiB", setting: "maxSizeInMegabytes", at: "`amqp:resource-limit-exceeded`"},
		{what: "writes that are not on the disk yet", bound: "64 MiB", at: "the next one waits"},
		{what: "message ids that duplicate detection remembers, about 40 bytes and the id", bound: "twice the window", setting: "duplicateDetectionHistoryTimeWindow", at: "those of a window are forgotten at once"},
	}},
	{"Memory", []limit{
		{what: "Go's memory (soft)", bound: "*memory*", setting: "memory-limit", at: "it is collected more often"},
		{what: "filters of remembered message ids, of one queue or topic", bound: "512 KiB for a window of them", at: "more sends read the store"},
		{what: "variables and loops of a run", bound: "1/8, at least 64 MiB", setting: "run-memory", at: "`RunMemoryExceeded` of the activity"},
		{what: "those of all runs", bound: "1/2", at: "the same, for a run above 1 MiB"},
		{what: "one value of a run in memory, its parameters too", bound: "4 KiB", at: "read from the history when asked for"},
		{what: "one turn of a run", bound: "1,024 decisions, 4 MiB", at: "it is written, the next begins"},
		{what: "decisions above 1 MiB, 512 MiB each", bound: "1/2", at: "the next turn of that run, or run of that trigger, waits"},
		{what: "inputs of activities above 64 KiB, twice their size", bound: "1/8", at: "the activity waits, without a turn"},
		{what: "one of them", bound: "1/8, at least 64 MiB", setting: "run-memory", at: "`RunMemoryExceeded` of the activity"},
		{what: "Web answers above 64 KiB, 16 MiB each", bound: "1/8", at: "reading waits, without a turn; the time-out too"},
		{what: "JSON of requests, answers, messages that is large as a value ²", bound: "1/8", at: "it waits; of a message it may be no more"},
		{what: "batches that triggers read above 64 KiB, six times their size", bound: "1/8", at: "they wait in the queue"},
		{what: "one batch", bound: "16 MiB, or one message", at: "the next run takes the others"},
		{what: "what clients began or do not take, open transactions too, all", bound: "1/8, or 108 MiB up to 1/3", setting: "client-memory", at: "who keeps most is closed ¹"},
		{what: "the same, one connection", bound: "64 MiB, or one message", at: "the connection is closed ¹"},
		{what: "the same, all without a token", bound: "1/32", at: "who keeps most is closed ¹"},
		{what: "whole messages on their way to the disk ³, twice their size", bound: "1/8", at: "they wait, and large ones are not read further"},
		{what: "bodies of HTTP requests", bound: "1/16", setting: "request-memory", at: "the largest is answered 503 `RequestMemoryExceeded`"},
		{what: "messages that a peek reads", bound: "250, 4 MiB, or one", at: "it returns fewer"},
		{what: "deferred messages that are received by one request", bound: "64 MiB, or one", at: "`amqp:link:message-size-exceeded`"},
		{what: "messages that go to a dead-letter queue together", bound: "64, 4 MiB, or one", at: "the others follow"},
	}},
	{"Runs and definitions", []limit{
		{what: "time that activities get after the first signal", setting: "grace", at: "the attempt is made again by the next start"},
		{what: "expressions of a decision, some seconds", bound: "500,000,000 steps, 256 MiB", at: "`ExpressionLimitExceeded` of the activity"},
		{what: "looks at an interrupt (cancel, stop)", bound: "every 65,536 steps or 64 KB", at: "the decision is not taken"},
		{what: "long evaluations, work on values from 256 KiB on", bound: "one less than processors, at least one", at: "they take turns of 20 ms or one value"},
		{what: "turns of runs that write 1 MiB or more", bound: "one, half of the log's time", at: "the next one waits"},
		{what: "a pipeline", bound: "200 KB, 120 activities, 50 parameters", setting: "relaxed", at: "refused; relaxed, ten times that is accepted"},
		{what: "a file of a folder, a body for the Resource Manager", bound: "4 MiB", at: "refused; 413"},
		{what: "items of a ForEach, iterations of an Until", bound: "100,000", at: "the activity fails"},
		{what: "answer to a Web activity; its headers", bound: "4 MiB; 64 KiB", at: "the activity fails, code 2001; 2128"},
		{what: "what a WebHook is called back with", bound: "4 MiB", at: "413 `CallbackTooLarge`; it goes on waiting"},
		{what: "error code and message of a callback", bound: "256 bytes, 64 KiB", at: "cut, with `...` behind"},
		{what: "activities that execute at once", bound: "256, and 512 that wait for room", at: "the others wait"},
		{what: "runs that wait for a pipeline's concurrency", bound: "100", at: "400; `PipelineRunThrottled` of an ExecutePipeline"},
		{what: "firings of a schedule trigger that are made up", bound: "100", at: "those before are given up; a line of the log"},
		{what: "windows of a trigger that wait for a place and are listed", bound: "100", at: "those behind are made later"},
		{what: "wait of a window for others", bound: "7 days", at: "the window fails"},
		{what: "pipeline runs that the trigger run of a window names", bound: "50", at: "the last ones"},
		{what: "runs above one that an ExecutePipeline starts", bound: "100", at: "`PipelineDepthExceeded`"},
		{what: "history of a run of which a rerun has outputs", bound: "64 MiB", at: "400; a rerun from the start is not bounded"},
		{what: "active runs when it starts another", bound: "10,000, and one for 64 KiB of *memory*", at: "`TooManyPipelineRuns`"},
		{what: "message of its run in its error", bound: "32 KiB", at: "it is cut"},
		{what: "a page of pipeline runs or activity runs", bound: "8 MiB", at: "a continuation token"},
		{what: "waiting for the runs of a factory that is deleted", bound: "30 s", at: "one is named; tried again after 10 s"},
	}},
	{"Connections", []limit{
		{what: "descriptors of the store (`ulimit -n`)", bound: "a quarter, 90 to 320", at: "files are closed and opened again"},
		{what: "connections of clients", bound: "3/4 of the rest ⁴, 10,000", at: "who was idle longest makes room"},
		{what: "connections of Web activities", bound: "1/4 of the rest ⁴, 4,000", at: "they wait"},
		{what: "first byte, TLS, HTTP header; its size", bound: "20 s; 64 KiB", at: "closed; 431"},
		{what: "HTTP body", bound: "30 s and a second for 8 KiB", at: "408"},
		{what: "HTTP between requests; one write of an answer", bound: "2 min; 60 s and a second for 8 KiB", at: "closed"},
		{what: "AMQP: open", bound: "60 s", at: "`amqp:resource-limit-exceeded`"},
		{what: "AMQP: a valid token", bound: "20 s after open", at: "`amqp:connection:forced`"},
		{what: "AMQP before that", bound: "16 sessions, 32 links, 128 KiB", at: "`amqp:resource-limit-exceeded`"},
		{what: "AMQP without a link", bound: "60 s, after the last one 300 s", at: "`amqp:connection:forced`"},
		{what: "AMQP without a byte", bound: "480 s", at: "`amqp:resource-limit-exceeded`"},
		{what: "connections of a namespace, with a token", setting: "max-connections", at: "`amqp:resource-limit-exceeded`, `ConnectionsQuotaExceeded`"},
		{what: "links of a connection", setting: "max-links", at: "`amqp:resource-limit-exceeded`"},
		{what: "deliveries of a connection that are not settled", setting: "max-unsettled", at: "`amqp:resource-limit-exceeded`, the link is detached"},
		{what: "receivers of a queue or subscription", bound: "5,000", at: "`amqp:resource-limit-exceeded`"},
		{what: "message; of Premium, by its entity", bound: "256 KiB; 1 to 100 MiB", at: "`amqp:link:message-size-exceeded`"},
		{what: "sent ahead of what a receiver reads", bound: "about 1 MiB", at: "waits"},
		{what: "a transaction", bound: "2 minutes from its first operation", at: "it is rolled back"},
		{what: "messages that it sends; that it settles", bound: "100; 1,000", at: "`amqp:resource-limit-exceeded`"},
		{what: "open transactions of a connection; without a token", bound: "1,000; 16", at: "the same, of the declaration"},
		{what: "what they send, in memory until the commit", bound: "64 MiB, or one message", at: "the same"},
		{what: "what one moves to a dead-letter queue, in memory at the commit", bound: "64 MiB, and one message", at: "the same"},
	}},
}

// durations are the settings that are no limits of what others do.
var durations = []string{"for", "limit", "timeout", "ttl", "wait"}

const head = `# Limits

Everything that is limited, by how much, by which setting, and what happens there. This page is made from the table in
${internal/limits}, ${config/settings.go} and the properties of entities. What cannot be set is a constant. *Memory* is what the setting
${memory-limit} says; by default ${GOMEMLIMIT}, or 80 % of what the smallest control group, or on Linux the machine, has; parts
such as 1/8 are parts of it. Where it is not known, they are parts of 2 GiB. Why these bounds hold, and how they are tested, is in
[reliability.md](reliability.md).
`

const notes = `
¹ ${amqp:resource-limit-exceeded}. A process that has been busy and is idle gives memory back, looked at every 5 s.
² Above 1 MiB, or what the room of an answer or a batch covers: 64 bytes for each comma, colon and bracket. ³ But for 64
KiB of each connection. ⁴ After 64 in reserve. Below 218 in all a start warns. Nobody younger than 250 ms makes room.
`

func page() string {
	var b strings.Builder
	b.WriteString(head)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| what | bound | setting (default) | at the bound |\n|---|---|---|---|\n", g.name)
		for _, l := range g.limits {
			setting, bound := "", l.bound
			if s := find(l.setting); s != nil {
				setting = fmt.Sprintf("[${%s}](configuration.md) (${%s})", s.Name, s.Default)
				if bound == "" {
					bound = s.Default
				}
				if s.None {
					setting += "; 0: none"
				}
			} else if l.setting != "" {
				setting = "${" + l.setting + "}"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.what, bound, setting, l.at)
		}
	}
	b.WriteString(notes)
	entities(&b)
	return strings.NewReplacer("${", "`", "}", "`").Replace(b.String())
}

// entities writes the properties of queues, topics and subscriptions that have bounds.
func entities(b *strings.Builder) {
	b.WriteString("\n## Properties of entities\n\nA value beyond is refused with 400 and the bound by the Resource Manager, and with file and " +
		"JSON path in a folder.\n\n| property | of | default | least | most |\n|---|---|---|---|---|\n")
	var seen []*description.Property
	for _, e := range []description.Entity{description.Queue, description.Topic, description.Subscription} {
		for _, p := range e.Properties() {
			if slices.Contains(seen, p) || p.Max == 0 && p.Allowed == nil || p.Unsupported {
				continue
			}
			seen = append(seen, p)
			var of []string
			for _, e := range []description.Entity{description.Queue, description.Topic, description.Subscription} {
				if p.Has.Contains(e) {
					of = append(of, e.String())
				}
			}
			least, most := ends(&p.Limits)
			bound := shown(p, most)
			if p.Premium != nil {
				_, most := ends(p.Premium)
				bound += "; of Premium " + shown(p, most)
			}
			if p.Basic != nil {
				_, most := ends(p.Basic)
				bound += "; of Basic " + shown(p, most)
			}
			fmt.Fprintf(b, "| ${%s} | %s | %s | %s | %s |\n", p.ARMName(), strings.Join(of, ", "),
				shown(p, p.Default), shown(p, least), bound)
		}
	}
}

// ends are the least and the most that a property may be.
func ends(l *description.Limits) (least, most int64) {
	if l.Allowed != nil {
		return l.Allowed[0], l.Allowed[len(l.Allowed)-1]
	}
	return l.Min, l.Max
}

// shown is a bound as it is written.
func shown(p *description.Property, n int64) string {
	switch {
	case p.Kind == description.Duration && n == int64(description.Forever):
		return "for ever"
	case p.Kind == description.Duration:
		if n == 1 {
			return "above 0"
		}
		return description.FormatDuration(time.Duration(n))
	case p.Kind == description.Text:
		return fmt.Sprint(n, " characters")
	case p.Kind == description.Size:
		return fmt.Sprint(n >> 10)
	}
	return fmt.Sprint(n)
}

func find(name string) *config.Setting {
	for i := range config.Settings {
		if config.Settings[i].Name == name {
			return &config.Settings[i]
		}
	}
	return nil
}

func TestPage(t *testing.T) { golden.Page(t, "../../docs/limits.md", page()) }

// TestEverySetting: a size or a time that can be set is on the page, with what happens there.
func TestEverySetting(t *testing.T) {
	var named []string
	for _, g := range groups {
		for _, l := range g.limits {
			if l.at == "" || l.bound == "" && find(l.setting) == nil {
				t.Errorf("%s: %+v does not say enough", g.name, l)
			}
			named = append(named, l.setting)
		}
	}
	for _, s := range config.Settings {
		name, _, _ := strings.Cut(s.Name, "@")
		if (s.Kind == config.Size || s.Kind == config.Duration) && !slices.Contains(named, name) && !slices.Contains(durations, name) {
			t.Errorf("the setting %s is not on the page of limits", s.Name)
		}
	}
}
