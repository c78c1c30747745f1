package identity

import (
	"errors"
	"fmt"

	"switchyard/commit"
)

// A Mode says who may log in, and whether roles decide what they may do. It is kept:
// a store that has been served in strict mode is not opened to everybody by a start
// that forgets to say so.
type Mode string

// The modes.
const (
	Development Mode = "development" // everybody, and everything is allowed
	Strict      Mode = "strict"      // registered applications, by their roles
)

// Errors of a mode that does not go with what else is given.
var (
	ErrNeedsApplications = errors.New("the data directory was last served with --auth strict: give " +
		"--auth-applications FILE, " +
		"or open it to everybody with --auth development")
	ErrNeedsMode = errors.New("it can't be read who may log in: start with --auth strict and " +
		"--auth-applications FILE, or with --auth development")
	ErrListenNeedsStrict = errors.New("listen: other machines are served with --auth strict only")
	ErrNeedsStrict       = errors.New("auth-applications needs --auth strict: in development every application logs in")
)

// decide finds the mode and keeps it.
func (i *Identities) decide() (strict bool, err error) {
	b, err := i.o.Store.Kept(keptMode)
	if errors.Is(err, commit.ErrDamaged) && i.o.Mode != "" {
		b, err = nil, nil // who starts it says so
	}
	if errors.Is(err, commit.ErrDamaged) {
		return false, fmt.Errorf("%w: %w", ErrNeedsMode, err)
	}
	if err != nil {
		return false, err
	}
	last, mode := Mode(b), i.o.Mode
	if mode == "" {
		mode = last
	}
	strict = mode == Strict
	if strict && i.o.Applications != nil {
		if err := i.forgetOwner(); err != nil {
			return false, err
		}
	} else if strict {
		// Before the mode is kept: who has neither can't be told from who forgot them.
		if i.o.Applications, err = i.owner(last != Strict); err != nil {
			return false, err
		}
	}
	switch {
	case i.o.Exposed && !strict:
		return false, ErrListenNeedsStrict
	case !strict && i.o.Applications != nil:
		return false, ErrNeedsStrict
	case !strict && last == Strict:
		i.o.Logger.Warn("the data directory was served with --auth strict and is now open: any client id with " +
			"any secret logs in " +
			"and may do everything; role assignments and registered applications do not count, until it is " +
			"started with --auth strict again")
	case strict && last != Strict:
		if err := i.forgetKey(); err != nil {
			return false, err
		}
	}
	if !strict {
		mode = Development
	}
	if mode == last {
		return strict, nil
	}
	return strict, i.o.Store.Keep(keptMode, []byte(mode))
}

// forgetKey makes an end to the tokens of development, which anybody had for the name
// of any application: a new key will sign the next ones.
func (i *Identities) forgetKey() error {
	b, err := i.o.Store.Kept(keptIssuerKey)
	if err == nil && len(b) == 0 || err != nil && !errors.Is(err, commit.ErrDamaged) {
		return err
	}
	i.o.Logger.Warn("the data directory was open and is now served with --auth strict: tokens that were " +
		"given out before no longer count; " +
		"resources, keys and role assignments that were made before stay, look them through")
	return i.o.Store.Keep(keptIssuerKey, nil)
}
