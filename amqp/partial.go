package amqp

// A partial is the payload so far of a delivery that comes in several frames: pieces,
// so that a large one is not copied while it grows, and takes no more memory than was
// sent and one small piece.
type partial struct {
	chunks [][]byte
	size   int // of what is in them
	room   int // their capacity
	used   int // how many are in use; those behind it are empty
}

const (
	// minChunk and maxChunk bound the pieces that are made for small frames; a larger
	// frame gets one of its own size.
	minChunk = 256
	maxChunk = 32 << 10
	// keepPartial is the most that a connection keeps for its next delivery of several
	// frames.
	keepPartial = 128 << 10
	// chunkCost is what a piece takes beside its capacity.
	chunkCost = 24
)

// bytes returns how much memory it takes.
func (p *partial) bytes() uint64 { return uint64(p.room + chunkCost*len(p.chunks)) }

func (p *partial) append(b []byte) {
	p.size += len(b)
	for len(b) > 0 {
		if p.used > 0 {
			last := &p.chunks[p.used-1]
			n := min(cap(*last)-len(*last), len(b))
			*last = append(*last, b[:n]...)
			if b = b[n:]; len(b) == 0 {
				return
			}
		}
		if p.used == len(p.chunks) {
			// Behind a large frame there is room for a short one: see whole.
			size := max(len(b)+len(b)/8, min(max(p.size, minChunk), maxChunk))
			chunk := make([]byte, 0, size)
			p.chunks = append(p.chunks, chunk)
			p.room += cap(chunk)
		}
		p.used++
	}
}

// whole returns what is in it, followed by b: a copy or, where all of it fits the first piece
// and fills it well, that piece, which it gives away.
func (p *partial) whole(b []byte) []byte {
	if n := p.size + len(b); p.used == 1 && n <= cap(p.chunks[0]) && n >= cap(p.chunks[0])*3/4 {
		whole := append(p.chunks[0], b...)
		*p = partial{}
		return whole[:n:n]
	}
	return p.with(b)
}

// with returns a copy of what is in it, followed by b.
func (p *partial) with(b []byte) []byte {
	whole := make([]byte, 0, p.size+len(b))
	for _, c := range p.chunks[:p.used] {
		whole = append(whole, c...)
	}
	return append(whole, b...)
}

// emptied returns it without its content, to be used again.
func (p *partial) emptied() partial {
	for i := range p.chunks {
		p.chunks[i] = p.chunks[i][:0]
	}
	return partial{chunks: p.chunks, room: p.room}
}
