package read

import "switchyard/value"

// A Reason says what is wrong with a member.
type Reason uint8

// The reasons.
const (
	Invalid Reason = iota // what Text says
	WrongKind
	Missing
	Empty
	Unknown
)

// A Problem is one thing wrong with a member of a document.
type Problem struct {
	// In is the path of the object and Name the member's name in it, as it is
	// spelled where the problem was found. An element of an array is named
	// name[i].
	In, Name string
	Reason   Reason
	Got      value.Value // of WrongKind
	Want     value.Kind  // of WrongKind
	Known    []string    // of Unknown: the names that would not be
	Text     string      // of Invalid
	// Beyond: the member is Invalid by a rule that its reader may waive.
	Beyond bool
}

// At returns the path of the member.
func (p *Problem) At() string { return join(p.In, p.Name) }

// A Sink takes what is wrong with a document, in the order in which it is found,
// and puts it into the words of its edge.
type Sink interface{ Report(p Problem) }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
