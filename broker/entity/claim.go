package entity

import "fmt"

// A Claimant is a transaction: a name for what it claims, and nothing else. It is used by
// its address.
type Claimant struct{ _ byte } // of no size, two could have one address

// Claim claims messages that links have locked for a transaction that will settle them
// when it commits. Until then they stay locked under the same token, the lock goes on
// and can be renewed, and nobody else settles them [SB-SEM 10]. A claim ends with the
// lock. Check fills Errs, one per token, and Apply claims those whose error is nil.
type Claim struct {
	Sub     SubQueue
	Tokens  []LockToken
	Outcome Outcome
	By      *Claimant
	Errs    []error
	// Moves is how many bytes the messages have whose content the settlement needs, as
	// they are now.
	Moves int64
}

func (o *Claim) check(q *Queue, c *checker) error {
	s := q.subs[o.Sub]
	o.Errs, o.Moves = make([]error, len(o.Tokens)), 0
	for i, t := range o.Tokens {
		it, err := s.settleable(t, c)
		if err == nil {
			err = s.allows(o.Outcome)
		}
		if err == nil && s.moves(it, o.Outcome) {
			o.Moves += int64(it.size)
		}
		o.Errs[i] = err
	}
	return nil
}

func (o *Claim) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	for i, t := range o.Tokens {
		if o.Errs[i] == nil {
			s.tokens[t].claimant = o.By
		}
	}
}

// ReleaseClaims gives claims back: the messages stay locked as they are. Those that have
// ended are no obstacle.
type ReleaseClaims struct {
	Sub    SubQueue
	Tokens []LockToken
	By     *Claimant
}

func (o ReleaseClaims) check(q *Queue, c *checker) error { return nil }

func (o ReleaseClaims) apply(q *Queue, env Env, d *Decision) {
	for _, t := range o.Tokens {
		if it := q.subs[o.Sub].tokens[t]; it != nil && it.claimant == o.By {
			it.claimant = nil
		}
	}
}

// SettleClaimed settles messages that a transaction has claimed, all or none: if the
// lock of one has ended, so has its claim, and Check fails with [ErrMessageLockLost].
type SettleClaimed struct {
	Sub     SubQueue
	Tokens  []LockToken
	Outcome Outcome
	By      *Claimant
}

func (o SettleClaimed) check(q *Queue, c *checker) error {
	s := q.subs[o.Sub]
	if err := s.allows(o.Outcome); err != nil {
		return err
	}
	for _, t := range o.Tokens {
		it, err := s.lockedBy(t, c.env.Now)
		if err == nil && (it.claimant != o.By || !c.claim(it)) {
			err = ErrMessageLockLost
		}
		if err == nil {
			err = s.need(c, it, o.Outcome)
		}
		if err != nil {
			return fmt.Errorf("settle a message in a transaction: %w", err)
		}
	}
	return nil
}

func (o SettleClaimed) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	for _, t := range o.Tokens {
		s.settle(s.tokens[t], o.Outcome, env, d)
	}
}

// settleable returns the message that the token locks now, if no transaction and no other
// of the operations that are checked together settles it.
func (s *sub) settleable(t LockToken, c *checker) (*item, error) {
	it, err := s.lockedBy(t, c.env.Now)
	if err == nil && (it.claimant != nil || !c.claim(it)) {
		return nil, ErrMessageLockLost
	}
	return it, err
}
