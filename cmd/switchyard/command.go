package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"switchyard/config"
)

// A command is one verb of the program, or a group of them.
type command struct {
	// name is one word. A command of a group is called by both: "runs show".
	name string
	// operands is how they are written: capitals tell the kind (see operandKinds),
	// brackets what may be left out.
	operands string
	summary  string   // what it does, in a few words that begin with a verb
	help     string   // what to know, with examples, at most 80 columns wide
	settings []string // names of rows of config.Settings
	min, max int      // number of operands
	// stops says that a first signal is for run to see. The other commands have
	// nothing to put in order, may be waiting for their input, and end at once.
	stops bool
	// evaluated says that a shell evaluates the answer: when the command fails, that
	// fails too.
	evaluated bool
	// run does it and returns the exit code. A group may have none.
	run func(ctx context.Context, e *env, v *config.Values, operands []string) int
	// commands are those of a group.
	commands []command
	// path is the name with those of the groups before it; it is filled in.
	path string
}

// link fills in the paths.
func link(list []command, group string) {
	for i := range list {
		c := &list[i]
		c.path = strings.TrimSpace(group + " " + c.name)
		link(c.commands, c.path)
	}
}

// usage is how the command is called.
func (c *command) usage() string {
	if c.run == nil {
		return "switchyard " + c.path + " COMMAND"
	}
	return strings.TrimSpace("switchyard " + c.path + " " + c.operands)
}

// mayBeEmpty are operands whose text is the user's own.
var mayBeEmpty = []string{"BODY", "ARGUMENT"}

// check refuses a number of operands that the command does not take.
func (c *command) check(operands []string) error {
	if c.run == nil && len(operands) == 0 {
		return &config.UsageError{Msg: "COMMAND is missing; usage: " + c.usage(), CommandLine: true}
	}
	if len(c.commands) > 0 && len(operands) > c.max {
		return unknown(c, operands[0])
	}
	mistake := ""
	switch words := strings.Fields(c.operands); {
	case len(operands) < c.min:
		needed := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, "[") })
		mistake = needed[len(operands)] + " is missing"
	case len(operands) > c.max:
		mistake = fmt.Sprintf("%q is one operand too many", operands[c.max])
	default:
		i := slices.Index(operands, "")
		if i < 0 || i >= len(words) || slices.Contains(mayBeEmpty, strings.Trim(words[i], "[].")) {
			return nil
		}
		mistake = strings.Trim(words[i], "[].") + " is empty"
	}
	return &config.UsageError{Msg: mistake + "; usage: " + c.usage(), CommandLine: true}
}

// find walks from the table to the command that a command line names, and returns
// what follows its name. It returns nil if there is none.
func find(args []string) (c *command, rest []string) {
	list, rest := commands, args
	for len(rest) > 0 {
		i := slices.IndexFunc(list, func(c command) bool { return c.name == rest[0] })
		if i < 0 {
			break
		}
		c, rest = &list[i], rest[1:]
		list = c.commands
	}
	return c, rest
}

// unknown is the error of a word that no command has, below c or, without it, at all.
func unknown(c *command, word string) error {
	path, overview := word, "switchyard help"
	if c != nil {
		path, overview = c.path+" "+word, overview+" "+c.path
	}
	meant := ""
	if s := similar(path); s != "" {
		meant = "; did you mean " + s + "?"
	}
	return &config.UsageError{Msg: fmt.Sprintf("there is no command %q%s; %s lists them", path, meant, overview)}
}

// similar finds the command that a word that is none may have meant: one slip away.
func similar(path string) string {
	root := completed(&env{stdout: io.Discard, stderr: io.Discard})
	group, word := root, path
	for _, k := range root.Commands() {
		if rest, ok := strings.CutPrefix(path, k.Name()+" "); ok {
			group, word = k, rest
		}
	}
	group.SuggestionsMinimumDistance = 2
	for _, s := range group.SuggestionsFor(word) {
		return strings.TrimSpace(strings.TrimSuffix(path, word) + s)
	}
	return ""
}
