package run

// EncodingVersion is the newest version of encoded events.
const EncodingVersion = encodingVersion

// NewEvent returns an event of a kind, nil if there is none.
func NewEvent(k Kind) Event { return newEvent(k) }
