package amqp

// Pending reports whether the attach still awaits an answer.
func (l *Link) Pending() bool { return l.state == pending }
