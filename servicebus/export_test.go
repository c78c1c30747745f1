package servicebus

// Fill lets a namespace have but so many connections more.
func (s *Shared) Fill(ns string, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[ns] = maxConnections - left
}
