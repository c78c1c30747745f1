package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// sources are the files of a folder as they were read, by the names that diagnostics
// call them, for places in them to be found.
type sources map[string][]byte

// keep remembers a file. Comments are blanked, so that offsets stay as they are.
func (s sources) keep(name string, data []byte) {
	if text, err := value.Decode(data); err == nil {
		s[name] = blankExtras(text)
	}
}

// locate tells where in their files the diagnostics are: line and column, and names in
// their paths where an element of an array has one.
func (s sources) locate(ds pipeline.Diagnostics) {
	for i := range ds {
		text, d := s[ds[i].File], &ds[i]
		if text == nil || d.Line > 0 {
			continue
		}
		offset, named := find(text, strings.TrimPrefix(d.Path, "$"))
		d.Path = "$" + named
		d.Line = 1 + bytes.Count(text[:offset], []byte("\n"))
		d.Column = 1 + offset - (1 + bytes.LastIndexByte(text[:offset], '\n'))
	}
}

// find returns where in a JSON text the value at a path begins, or the innermost value
// around it that is there, and the path with names for indexes.
func find(text []byte, path string) (offset int, named string) {
	dec := json.NewDecoder(bytes.NewReader(text))
	begin := func() int { // of what the decoder reads next
		at := int(dec.InputOffset())
		return at + len(text[at:]) - len(bytes.TrimLeft(text[at:], " \t\r\n,:"))
	}
	start := begin()
	if path == "" {
		return start, ""
	}
	open, err := dec.Token()
	if err != nil {
		return start, path
	}
	var raw json.RawMessage
	switch open {
	case json.Delim('{'):
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return start, path
			}
			at := begin()
			rest, ok := cutMember(path, fmt.Sprint(name))
			if dec.Decode(&raw) != nil {
				return start, path
			}
			if ok {
				inner, named := find(raw, rest)
				return at + inner, path[:len(path)-len(rest)] + named
			}
		}
	case json.Delim('['):
		wanted, rest, ok := cutIndex(path)
		if !ok {
			return start, path
		}
		found, element, elementName := start, []byte(nil), ""
		names := map[string]int{}
		for i := 0; dec.More(); i++ {
			at := begin()
			if dec.Decode(&raw) != nil {
				return start, path
			}
			name := nameIn(raw)
			names[strings.ToLower(name)]++
			if i == wanted {
				found, element, elementName = at, bytes.Clone(raw), name
			}
		}
		if element == nil {
			return start, path
		}
		inner, named := find(element, rest)
		at := path[:len(path)-len(rest)]
		if elementName != "" && names[strings.ToLower(elementName)] == 1 {
			at = "[" + elementName + "]"
		}
		return found + inner, at + named
	}
	return start, path
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

// cutIndex takes an index off the beginning of a path.
func cutIndex(path string) (i int, rest string, ok bool) {
	index, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]")
	i, err := strconv.Atoi(index)
	return i, rest, ok && err == nil && path[0] == '['
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
