package entity

// maxFilterBits bounds the memory of an idFilter: with more than 256 KiB, and so less than
// 512, it grows no more. An id takes 12 bits until then; from then on the filter answers
// "perhaps" more and more often: with 500,000 ids for every sixth that it does not have.
const maxFilterBits = 1 << 21

// An idFilter says of an id that it was not added, or that it may have been: a Bloom filter
// that grows by adding larger ones to itself. What it does not have need not be looked for
// in the store.
type idFilter struct {
	parts []filterPart // the last one takes what is added
	bits  int          // of all
}

type filterPart struct {
	words []uint64
	room  int // for so many ids more; below 0: it has too many
}

const (
	firstPart     = 1 << 10 // ids
	bitsForID     = 12
	probesOfAnID  = 4
	wordsForParts = bitsForID * firstPart / 64
)

func (f *idFilter) add(id string) {
	n := len(f.parts)
	if n == 0 || f.parts[n-1].room <= 0 && f.bits < maxFilterBits {
		p := filterPart{make([]uint64, wordsForParts<<n), firstPart << n}
		f.parts = append(f.parts, p)
		f.bits += 64 * len(p.words)
	}
	p := &f.parts[len(f.parts)-1]
	p.room--
	h := hash(id)
	for range probesOfAnID {
		word, bit := p.at(h)
		*word |= bit
		h = next(h)
	}
}

func (f *idFilter) mayHave(id string) bool {
	first := hash(id)
	for i := range f.parts {
		h, all := first, true
		for n := 0; n < probesOfAnID && all; n++ {
			word, bit := f.parts[i].at(h)
			all = *word&bit != 0
			h = next(h)
		}
		if all {
			return true
		}
	}
	return false
}

// at returns the word and the bit in it that a hash chooses.
func (p *filterPart) at(h uint64) (*uint64, uint64) {
	return &p.words[(h>>6)%uint64(len(p.words))], 1 << (h & 63)
}

// hash is FNV-1a, mixed. Ids that are chosen to collide cost their sender reads.
func hash(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return next(h)
}

// next is the next number after h of SplitMix64.
func next(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
