package entity

// RecordAfter is for how long a lock may be without a record.
const RecordAfter = recordAfter

// SetWindow makes the windows small, before the queue is used.
func (q *Queue) SetWindow(n int) { q.size = n }

// Window returns the size of the window and how many items it holds, for each
// sub-queue, and how many items are out of it.
func (q *Queue) Window(id SubQueue) (size, inside, outside int) {
	s := q.subs[id]
	return q.size, len(s.window), len(s.known) - len(s.window)
}

// SetGeneration makes the generations of the history small, before the queue is used.
func (q *Queue) SetGeneration(n int) { q.history.size = n }

// Remembered returns how many ids of the history are in memory and how many buckets it
// has.
func (q *Queue) Remembered() (ids, buckets int) {
	return len(q.history.young) + len(q.history.old), len(q.history.buckets)
}
