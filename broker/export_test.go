package broker

import "reflect"

// InMemory returns how many messages of the entity have something in memory. Only
// tests ask, so the core has no method for it.
func InMemory(q *Queue) (n int) {
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	subs := reflect.ValueOf(q.e.q).Elem().FieldByName("subs")
	for i := range subs.Len() {
		n += subs.Index(i).Elem().FieldByName("known").Len()
	}
	return n
}

// SetMaxBytes makes the entity smaller than its options can, until they are put again.
func SetMaxBytes(q *Queue, n int64) {
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	c := q.e.q.Config()
	c.MaxBytes = n
	q.e.q.SetConfig(c)
}
