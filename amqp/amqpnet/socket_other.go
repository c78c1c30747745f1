//go:build !unix

package amqpnet

// tryWrite leaves all writing to the writer.
func (s *socket) tryWrite([]byte) int { return 0 }
