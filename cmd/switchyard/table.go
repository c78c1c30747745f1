package main

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// A column of a table.
type column struct {
	title string
	// whole says that its cells are shortened last, and no more than to an id, because
	// they are copied into other commands: ids and names.
	whole bool
}

// A table is lines of cells under titles, no wider than the terminal: what does not
// fit is cut where it is longest, and ends in an ellipsis. Columns of whole numbers stand
// right if numbers is set.
type table struct {
	columns []column
	numbers bool
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
	// narrowestWhole is what a cell that should be whole is never shortened below: an id.
	narrowestWhole = 36
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
			fill := strings.Repeat(" ", widths[i]-displayWidth(cell))
			if t.numbers && t.isNumber(i) {
				cell, fill = fill, cell
			}
			l.WriteString(cell + fill + strings.Repeat(" ", tableGap))
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	line(func(i int) string { return t.columns[i].title })
	for _, row := range t.rows {
		line(func(i int) string { return row[i] })
	}
	return b.String()
}

// isNumber reports whether all that stands in a column is whole numbers.
func (t *table) isNumber(i int) bool {
	some := false
	for _, row := range t.rows {
		if row[i] == "" {
			continue
		}
		if some = true; strings.Trim(row[i], "0123456789") != "" {
			return false
		}
	}
	return some
}

// shrink takes columns from the widest cells until the table fits, from those that should
// be whole only when the others have none left.
func (t *table) shrink(widths []int, columns int) {
	total := tableGap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > columns; total-- {
		i := t.widest(widths, false, narrowest)
		if i < 0 {
			i = t.widest(widths, true, narrowestWhole)
		}
		if i < 0 {
			return
		}
		widths[i]--
	}
}

// widest is the last of the widest columns above a width, -1 if there is none.
func (t *table) widest(widths []int, whole bool, above int) int {
	widest := -1
	for i, c := range t.columns {
		if c.whole == whole && widths[i] > above && (widest < 0 || widths[i] >= widths[widest]) {
			widest = i
		}
	}
	return widest
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
