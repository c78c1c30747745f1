package brokertest

import (
	"time"

	"switchyard/broker/description"
)

// entityOptions reads the words of a command that are properties of an entity: a flag
// alone, the rest as word=value. What is wrong with a value is for the broker to say.
func (s *scenario) entityOptions(kind description.Entity, a arguments) (o description.Options) {
	for _, p := range kind.Properties() {
		if p.Word == "" {
			continue
		}
		switch f := p.Field(&o).(type) {
		case *time.Duration:
			*f = a.duration(s, p.Word)
		case *int:
			*f = a.int(s, p.Word, 0)
		case *bool:
			*f = a.flag(p.Word)
		case **bool:
			if a.flag(p.Word) {
				*f = new(bool)
			}
		case *description.Status:
			*f = description.Status(a.options[p.Word])
		case *string:
			*f = a.options[p.Word]
		}
	}
	return o
}
