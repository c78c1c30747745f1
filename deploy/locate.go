package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"switchyard/pipeline"
)

// sources are the files of a folder as they were read, by the names that diagnostics
// call them, for places in them to be found.
type sources map[string]*source

// A source is a file. In its texts comments are blank, so that offsets stay as they are.
type source struct {
	text    []byte
	merged  []byte   // what was parsed; nil: text
	overlay *overlay // nil: none
}

// keep remembers a file.
func (s sources) keep(name string, data []byte) *source {
	s[name] = &source{text: blank(data)}
	return s[name]
}

// locate tells where in their files the diagnostics are: line and column, and names in
// their paths where an element of an array has one. What an overlay says is there.
func (s sources) locate(ds pipeline.Diagnostics) {
	for i := range ds {
		if src, d := s[ds[i].File], &ds[i]; src != nil && d.Line == 0 {
			src.locate(d)
		}
	}
}

func (s *source) locate(d *pipeline.Diagnostic) {
	at := strings.TrimPrefix(d.Path, "$")
	if s.merged != nil {
		at = find(s.merged, at).named
	}
	text, place := s.text, findFlat(s.text, at)
	if s.overlay != nil {
		if in := find(s.overlay.text, at); in.whole && at != "" {
			text, place, d.File = s.overlay.text, in, s.overlay.name
		}
	}
	d.Path = "$" + place.named
	d.Message = inMessages.ReplaceAllStringFunc(d.Message, func(path string) string {
		return "$" + find(text, strings.TrimPrefix(path, "$")).named
	})
	before := text[:place.offset]
	d.Line = 1 + bytes.Count(before, []byte("\n"))
	d.Column = place.offset - bytes.LastIndexByte(before, '\n')
}

// inMessages are the paths of which messages speak.
var inMessages = regexp.MustCompile(`\$\.properties\.activities\[\d+\][.\w\[\]]*`)

// A place is where in a JSON text the value at a path begins, or the innermost value
// around it that is there.
type place struct {
	offset int
	named  string // the path, with names for indexes
	whole  bool   // the value itself is there
}

// findFlat is find in a text that may be flattened: what stands in properties and
// typeProperties stands beside their names.
func findFlat(text []byte, path string) place {
	p := find(text, path)
	flat, nested := strings.CutPrefix(path, ".properties")
	if !nested || p.whole {
		return p
	}
	if q := find(text, strings.ReplaceAll(flat, ".typeProperties", "")); q.whole && flat != "" {
		return q
	}
	return p
}

func find(text []byte, path string) place {
	dec := json.NewDecoder(bytes.NewReader(text))
	begin := func() int { // of what the decoder reads next
		at := int(dec.InputOffset())
		return at + len(text[at:]) - len(bytes.TrimLeft(text[at:], " \t\r\n,:"))
	}
	outer := place{begin(), path, path == ""}
	if path == "" {
		return outer
	}
	open, err := dec.Token()
	if err != nil {
		return outer
	}
	var raw json.RawMessage
	for i := 0; dec.More(); i++ {
		name := ""
		if open == json.Delim('{') {
			token, err := dec.Token()
			if err != nil {
				return outer
			}
			name = fmt.Sprint(token)
		}
		at := begin()
		if dec.Decode(&raw) != nil {
			return outer
		}
		var rest, here string
		ok := false
		switch open {
		case json.Delim('{'):
			rest, ok = cutMember(path, name)
			here = path[:len(path)-len(rest)]
		case json.Delim('['):
			rest, here, ok = cutElement(path, i, raw)
		}
		if ok {
			in := find(raw, rest)
			return place{at + in.offset, here + in.named, in.whole}
		}
	}
	return outer
}

// cutMember takes a member off the beginning of a path.
func cutMember(path, name string) (rest string, ok bool) {
	n := 1 + len(name)
	if len(path) < n || path[0] != '.' || !strings.EqualFold(path[1:n], name) {
		return "", false
	}
	rest = path[n:]
	return rest, rest == "" || rest[0] == '.' || rest[0] == '['
}

// cutElement takes the i-th element of an array off the beginning of a path, where it may
// stand by its index or its name.
func cutElement(path string, i int, raw json.RawMessage) (rest, here string, ok bool) {
	index, rest, ok := strings.Cut(path, "]")
	if !ok || path[0] != '[' {
		return "", "", false
	}
	index, name := index[1:], nameIn(raw)
	here = index
	if name != "" {
		here = name
	}
	return rest, "[" + here + "]", index == strconv.Itoa(i) || name != "" && strings.EqualFold(index, name)
}

// nameIn returns the name of an object that has one: activities, queues and the like.
func nameIn(raw json.RawMessage) string {
	var o struct{ Name any }
	if raw[0] != '{' || json.Unmarshal(raw, &o) != nil {
		return ""
	}
	name, _ := o.Name.(string)
	return name
}
