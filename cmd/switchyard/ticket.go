package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// A ticket is one line of examples/ticket-triage/tickets/tickets.jsonl.
type ticket struct {
	Name        string  `json:"name"`
	MessageID   string  `json:"messageId"`
	ContentType string  `json:"contentType"`
	Body        *string `json:"body"`
	BodyRepeat  *struct {
		Text  string `json:"text"`
		Times int    `json:"times"`
	} `json:"bodyRepeat"`
	Expect string `json:"expect"` // "triaged" or "dead-letter"
	// First says that it is among those the demonstration sends without --all.
	First bool `json:"first"`
}

func (t *ticket) body() []byte {
	if t.BodyRepeat != nil {
		return []byte(strings.Repeat(t.BodyRepeat.Text, t.BodyRepeat.Times))
	}
	if t.Body != nil {
		return []byte(*t.Body)
	}
	return nil
}

func readTickets(fsys fs.FS) ([]*ticket, error) {
	b, err := fs.ReadFile(fsys, "tickets/tickets.jsonl")
	if err != nil {
		return nil, err
	}
	var out []*ticket
	for i, line := range strings.Split(string(b), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		t := &ticket{}
		if err := json.Unmarshal([]byte(line), t); err != nil {
			return nil, fmt.Errorf("tickets/tickets.jsonl, line %d: %w", i+1, err)
		}
		out = append(out, t)
	}
	return out, nil
}
