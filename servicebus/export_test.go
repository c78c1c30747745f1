package servicebus

// Fill lets a namespace have but so many connections more.
func (s *Shared) Fill(ns string, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[ns] = maxConnections - left
}

// FillStoring takes all room for messages that go to the store.
func (s *Shared) FillStoring() (release func()) {
	release, _ = s.storing.TryTake(1 << 60)
	return release
}

// Storing reports whether any of it is taken.
func (s *Shared) Storing() bool {
	release, ok := s.storing.TryTake(1 << 60)
	if ok {
		release()
	}
	return !ok
}
