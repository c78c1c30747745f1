package main

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"switchyard/client"
)

// TestTable: a table is as wide as it has to be, and no wider than the terminal.
// Wide characters take two columns, combining ones none.
func TestTable(t *testing.T) {
	for _, c := range []struct {
		name    string
		columns int
		rows    [][]string
		want    string
	}{
		{"all fits", 40, [][]string{{"1", "short", "a b c"}}, `
ID  NAME   WHAT
1   short  a b c
`},
		{"the longest is cut", 20, [][]string{{"1", "short", "a b c d e f g h i"}}, `
ID  NAME   WHAT
1   short  a b c d…
`},
		{"what is copied is never cut", 20, [][]string{{"0f8fad5b-d9cb-469f", "a name that is long", "a text that is long"}}, `
ID                  NAME    WHAT
0f8fad5b-d9cb-469f  a nam…  a tex…
`},
		{"wide and combining characters, and what moves the cursor", 20,
			[][]string{{"1", "日本語", "ログインできません"}, {"2", "e\u0301", "red\x1b[31m"}}, `
ID  NAME    WHAT
1   日本語  ログイ…
2   é       red [31m
`},
		{"what is copied is cut when nothing else is left", 60, [][]string{{strings.Repeat("q", 70), "a name", "a text"}}, `
ID                                            NAME    WHAT
qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq…  a name  a text
`},
		{"no rows", 40, nil, "\nID  NAME  WHAT\n"},
	} {
		table := table{columns: []column{{"ID", true}, {"NAME", false}, {"WHAT", false}}}
		for _, row := range c.rows {
			table.add(row...)
		}
		got := table.layout(c.columns)
		if want := strings.ReplaceAll(c.want[1:], "é", "e\u0301"); got != want {
			t.Errorf("%s: got\n%swant\n%s", c.name, got, want)
		}
	}
}

// TestStatusFits: whatever names are like, a status is no wider than the terminal, and
// where there is none nothing of a name is missing.
func TestStatusFits(t *testing.T) {
	long := strings.Repeat("long-", 20) + "name"
	s := &client.Status{HTTP: "127.0.0.1:1", Requests: client.Requests{Memory: 3 << 20, Refused: 2}, Namespaces: []client.NamespaceStatus{{Name: "ns", Address: "127.0.0.1:2",
		Queues: []client.QueueStatus{{Name: long, Active: 12345678, DeadLettered: 7}, {Name: "q", Locked: 12,
			TransferStatus: client.TransferStatus{Waiting: 3, Dead: 2}}},
		Topics: []client.TopicStatus{{Name: long, Subscriptions: []client.QueueStatus{{Name: long}}}}}},
		Factories: []client.FactoryStatus{{Name: "f", Pipelines: []client.PipelineStatus{{Name: long, Succeeded: 3}},
			Triggers: []client.TriggerStatus{{Name: long, State: "Started", Queue: long}}}}}
	for _, columns := range []int{60, 80, math.MaxInt} {
		var b strings.Builder
		writeStatus(&b, s, time.Now(), columns)
		got := b.String()
		for line := range strings.Lines(got) {
			if n := displayWidth(strings.TrimSuffix(line, "\n")); n > columns {
				t.Errorf("%d columns: a line of %d: %s", columns, n, line)
			}
		}
		want := map[bool]int{true: 6}[columns == math.MaxInt]
		if whole := strings.Count(got, long); whole != want {
			t.Errorf("%d columns: the long name is %d times whole, want %d:\n%s", columns, whole, want, got)
		}
		if columns == 80 && !regexp.MustCompile(`\n  q {45,}0     0          0      12\n`).MatchString(got) {
			t.Errorf("the numbers of q do not stand right:\n%s", got)
		}
		if !strings.Contains(got, "\nbodies of HTTP requests under way: 3 MiB\nrefused because of a limit: 2 HTTP requests for memory\n") {
			t.Errorf("%d columns: the requests are missing:\n%s", columns, got)
		}
		if strings.Count(got, "$Transfer") != 1 || columns == 80 && !regexp.MustCompile(`\n    \$Transfer {35,}3     2\s*\n`).MatchString(got) {
			t.Errorf("what q holds for others does not stand right:\n%s", got)
		}
	}
}
