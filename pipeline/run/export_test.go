package run

// EncodingVersion is the newest version of encoded events.
const EncodingVersion = encodingVersion

// NewEvent returns an event of a kind, nil if there is none.
func NewEvent(number uint8) Event { return newEvent(number) }

// NumberOf returns the number of an event's kind on disk.
func NumberOf(e Event) uint8 { return numberOf(e) }

// Key names one attempt within a run.
func Key(path string, attempt int) string { return string(appendKey(nil, path, attempt)) }

// StateVersion is the version of encoded states.
const StateVersion = stateVersion
