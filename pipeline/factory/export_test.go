package factory

// Principal returns the identity of a factory. The error wraps
// [ErrFactoryNotFound], or [ErrNotFound] if the factory has none.
func (m *Manager) Principal(factory string) (Identity, error) {
	e := m.entry(factory)
	if e == nil {
		return Identity{}, notFound(factory)
	}
	s := e.current.Load()
	if s == nil || s.record.Deleting {
		return Identity{}, notFound(factory)
	}
	if s.record.Identity == nil {
		return Identity{}, errorf(ErrNotFound, "data factory '%s' has no managed identity", s.record.Name)
	}
	return *s.record.Identity, nil
}
