package commit

import "errors"

var (
	// ErrDamaged: what was kept can't be read, now or later: a bit has flipped, a
	// file is cut short or gone.
	ErrDamaged = errors.New("data is damaged")
	// ErrUnread: what an effect needs could not be read at this moment, for a reason
	// that may pass. It may be staged again.
	ErrUnread = errors.New("can't be read at the moment")
)
