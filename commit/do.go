package commit

import "context"

// Do makes one change durable, in the order that everything keeps: it waits for
// the log to take about that many bytes ([Frees] for what frees space), stages the effect, adds the records,
// submits the unit, releases the effect's locks and syncs. When it returns nil
// the change is durable and the callbacks of its unit have run.
//
// The effect is staged first because it may refuse: add runs only if it did not,
// and under its locks. A nil effect needs no lock and refuses nothing. A unit
// that ends up empty is not submitted. Do is called under no lock that a
// callback takes.
//
// Errors are those of [Log] Admit and of the effect's Stage, unchanged; then
// nothing was submitted and add has not run.
func Do(ctx context.Context, log Log, bytes int, e Effect, add ...func(u *Unit)) error {
	if err := log.Admit(ctx, bytes); err != nil {
		return err
	}
	u := &Unit{}
	release := func() {}
	if e != nil {
		var err error
		if release, err = e.Stage(u); err != nil {
			return err
		}
	}
	if fill(log, u, e != nil, add) {
		release()
		log.Sync(u)
		return nil
	}
	release()
	return nil
}

// fill adds the rest to a unit and submits it if there is something in it.
func fill(log Log, u *Unit, locked bool, add []func(u *Unit)) (submitted bool) {
	if locked {
		defer Intact()
	}
	for _, f := range add {
		f(u)
	}
	if u.Empty() {
		return false
	}
	log.Submit(u)
	return true
}

// EffectFunc lets a function be an [Effect].
type EffectFunc func(u *Unit) (release func(), err error)

// Stage implements [Effect].
func (f EffectFunc) Stage(u *Unit) (release func(), err error) { return f(u) }
