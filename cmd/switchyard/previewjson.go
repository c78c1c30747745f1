package main

import (
	"bufio"
	"encoding/json"
	"time"
)

// A windowJSON is a window as JSON.
type windowJSON struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// A firingJSON is a window that is ready, as JSON.
type firingJSON struct {
	Window windowJSON `json:"window"`
	At     time.Time  `json:"at"`
	Needs  []needJSON `json:"needs,omitempty"`
}

// A needJSON is what it waits for. What is not known is absent.
type needJSON struct {
	Trigger string     `json:"trigger"`
	Windows *int64     `json:"windows,omitempty"`
	From    *time.Time `json:"from,omitempty"`
	To      *time.Time `json:"to,omitempty"`
}

func (f firing) json(windowed bool) any {
	if !windowed {
		return f.at
	}
	out := firingJSON{Window: windowJSON(f.window), At: f.at}
	for _, n := range f.needs {
		x := needJSON{Trigger: n.trigger}
		if n.known {
			x.Windows = &n.windows
		}
		if n.windows > 0 {
			x.From, x.To = &n.time.Start, &n.time.End
		}
		out.Needs = append(out.Needs, x)
	}
	return out
}

// printJSON writes one array, as it comes: it may be long.
func (p *preview) printJSON() int {
	out := bufio.NewWriter(p.stdout)
	separator := "["
	next, err := p.firings(func(f firing) error {
		text, err := json.Marshal(f.json(p.windowed))
		if err != nil {
			return err
		}
		out.WriteString(separator)
		separator = ","
		_, err = out.Write(text) // the writer remembers an error
		return err
	})
	if separator == "[" {
		out.WriteString("[")
	}
	out.WriteString("]\n")
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return p.fail(err)
	}
	if !next.IsZero() {
		_ = jsonLine(p.stderr, map[string]any{"more": true, "from": next})
	}
	return exitOK
}
