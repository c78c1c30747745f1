package broker

// InMemory returns how many messages of the entity have something in memory.
func InMemory(q *Queue) int {
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	return q.e.q.InMemory()
}
