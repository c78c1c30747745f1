package broker

import "errors"

// Movers that wait for room in an entity that is full are noted with its lock, so that who
// makes room looks for them only there, and lets them go on at once. Those that let others
// go on meanwhile take up what they left behind once a second at most: they read all that
// waits each time, and one message that leaves makes room for one. What they wait for besides room, they try again
// after a pause.

// noteFull notes that an entity has refused messages because it is full.
func (m *mover) noteFull(to string, err error) {
	if errors.Is(err, ErrQuotaExceeded) {
		m.full = append(m.full, to)
	}
}

// wantRoom has the mover go on when one of the entities has room. What was made before this
// is noticed here.
func (m *mover) wantRoom(full []string) {
	room := false
	for _, to := range full {
		sender, err := m.e.b.Sender(m.e.namespace.name, to)
		if err != nil {
			continue // its deletion wakes who waits
		}
		e := sender.schedule()
		e.mu.Lock()
		if !e.q.Full() {
			room = true
		} else {
			if e.mu.wantRoom == nil {
				e.mu.wantRoom = map[*mover]struct{}{}
			}
			e.mu.wantRoom[m] = struct{}{}
		}
		e.mu.Unlock()
	}
	if room {
		wake(map[*mover]struct{}{m: {}}, firstPause)
	}
}

// hasRoom lets those go on that wait for room in the entity. It is called with mu held.
func (e *messageStore) hasRoom() {
	all := e.mu.wantRoom
	e.mu.wantRoom = nil
	e.b.pool.add(func() { wake(all, firstPause) })
}
