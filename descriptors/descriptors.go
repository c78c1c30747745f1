// Package descriptors divides the file descriptors that the process may open between
// the store, its clients and the connections that it makes itself, so that none of
// them takes what another can't do without. It only does sums: each part keeps to its
// share.
package descriptors

// Shares are parts of the descriptors. What is not in them is the reserve.
type Shares struct {
	Store    int // tables and value log segments
	Inbound  int // accepted connections, and ports beside the two of the start
	Outbound int // connections of Web activities
}

const (
	// reserve is for the log and the manifest of the store, the two ports, standard
	// streams, the network poller, files that are open for a moment.
	reserve = 64
	// minStore is what the store can't do without: 64 tables, which is Pebble's own
	// minimum, 10 other files of Pebble's, 16 value log segments.
	minStore = 90
	// maxStore, maxInbound and maxOutbound are what is enough. Azure takes 5,000
	// connections for a namespace; this is for two.
	maxStore    = 320
	maxInbound  = 10_000
	maxOutbound = 4_000
	// least is what clients and activities get however few there are.
	least = 8
)

// Divide divides limit descriptors. For less than about 200 the shares are more than
// there is; see [Enough].
func Divide(limit int) Shares {
	store := min(max(limit/4, minStore), maxStore)
	rest := max(limit-reserve-store, 0)
	return Shares{
		Store:    store,
		Inbound:  min(max(rest*3/4, least), maxInbound),
		Outbound: min(max(rest/4, least), maxOutbound),
	}
}

// Enough is the smallest limit with which no share is starved.
const Enough = reserve + minStore + 8*least

// unknown stands for a limit that is not known, or for none.
const unknown = 1 << 20
