package main

import (
	"strings"
	"testing"
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
