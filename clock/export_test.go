package clock

import "time"

// SetAsleep says how long the machine has slept.
func (p *Process) SetAsleep(f func() time.Duration) { p.asleep = f }
