package clock

import "time"

// SetAsleep says how long the machine has slept.
func (p *Process) SetAsleep(f func() time.Duration) { p.asleep = f }

// Change is what takes up a wall clock that was set: f runs in the middle of it.
func (p *Process) Change(f func(from time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.change(func(from int64) { f(time.Unix(0, from).UTC()) })
}

// Tell is Now where nothing has to be waited for.
func (p *Process) Tell() (time.Time, bool) {
	now, ok := p.tell()
	return time.Unix(0, now).UTC(), ok
}
