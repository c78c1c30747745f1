package main

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// A column of a table.
type column struct {
	title string
	// whole says that its cells are never shortened, because they are copied into
	// other commands: ids and names.
	whole bool
}

// A table is lines of cells under titles, no wider than the terminal: what does not
// fit is cut where it is longest, and ends in an ellipsis.
type table struct {
	columns []column
	rows    [][]string
}

// add appends a line. What would move the cursor of a terminal becomes a space.
func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	t.rows = append(t.rows, cells)
}

const (
	tableGap = 2 // columns between two cells
	// narrowest is what a cell is never shortened below, however narrow the terminal.
	narrowest = 6
)

// layout lays the table out for a terminal of that many columns. No line ends in
// blanks.
func (t *table) layout(columns int) string {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = displayWidth(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], displayWidth(row[i]))
		}
	}
	t.shrink(widths, columns)
	var b strings.Builder
	line := func(cells func(i int) string) {
		var l strings.Builder
		for i := range t.columns {
			cell := shorten(cells(i), widths[i])
			l.WriteString(cell + strings.Repeat(" ", widths[i]-displayWidth(cell)+tableGap))
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	line(func(i int) string { return t.columns[i].title })
	for _, row := range t.rows {
		line(func(i int) string { return row[i] })
	}
	return b.String()
}

// shrink takes columns from the widest cells until the table fits.
func (t *table) shrink(widths []int, columns int) {
	total := tableGap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > columns; total-- {
		widest := -1
		for i, c := range t.columns {
			if !c.whole && widths[i] > narrowest && (widest < 0 || widths[i] >= widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// displayWidth is how many columns of a terminal a text takes.
func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0 // it stands on the rune before
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// shorten cuts a text to so many columns of a terminal.
func shorten(s string, columns int) string {
	if displayWidth(s) <= columns {
		return s
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n += runeWidth(r); n > columns-1 {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ") + "…"
}
