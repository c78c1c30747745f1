// Package store keeps everything that must survive in one Pebble database: it
// implements commit.Log, broker.Store and engine.History, a small key/value
// table for the program's own facts, and the sealing of secrets. It decides
// nothing: what is in a record was decided by the package that wrote it.
//
// The package starts no goroutine of its own. The first caller that waits in
// [Store.Sync] commits for all that wait; Pebble flushes and compacts in
// goroutines that it owns and stops in [Store.Close].
//
// # Directory
//
//	format        "switchyard store <n>": the directory is initialised; written last
//	secret.key    the sealing key (mode 0600), unless it is given in Options
//	synced        the number of the last batch that is known to be on the disk
//	damaged/      write-ahead logs that a start with AcceptDataLoss went on without
//	clean         list of the database's files, only after a clean stop
//	db/           the Pebble database
//	values/       the value log: NNNNNNNN.values, from the first large value on
//
// While the store is open the directory itself is locked (flock), and db/LOCK. A
// directory without the file format that holds anything but the above and a few
// harmless names (foreign.go) is [ErrForeign], and nothing is written to it.
//
// # Keys
//
// The first byte is the table. Numbers are big-endian, so that keys sort as
// numbers do; i64 is a signed number with its sign bit flipped; time is i64
// seconds and u32 nanoseconds.
//
//	00 name                            format version, key check (names: "format", "key", "batch")
//	01 name                            what PutMeta keeps; "clock/mark": the latest time (mark.go)
//	02 ns:u32                          namespace
//	03 ns:u32                          number of a deleted namespace, no value
//	04 entity:u64                      number of a deleted entity, no value
//	05 segment:u32                     segment of the value log, no value
//	10 entity:u64 00                   entity
//	10 entity:u64 01 sub:u8 00         counters; sub: 0 main, 1 dead-letter, 2 transfer, 3 its dead-letter, 4 scheduled
//	10 entity:u64 01 sub:u8 01 seq:i64 message
//	10 entity:u64 01 sub:u8 02 seq:i64 status of a message
//	10 entity:u64 01 sub:u8 03 expires:time seq:i64   expiry index, no value
//	10 entity:u64 01 sub:u8 04 seq:i64 sections of a message, above 4 KiB
//	10 entity:u64 01 sub:u8 05 len:u16 session seq:i64  message of a session, no value
//	10 entity:u64 01 sub:u8 06 len:u16 session          state of a session
//	10 entity:u64 02 bucket:time id    message id, remembered to find duplicates
//	20 run 00                          start of a run, and its factory
//	20 run 01 n:u64                    event
//	20 run 02 n:u64                    payload
//	20 run 03                          request to cancel the run
//	20 run 04                          snapshot of the run's state
//	22 start:time run                  active run, oldest first, no value
//	23 hash:32 bytes                   definition of a pipeline
//	24 hash:32 bytes run               run that follows the definition, no value
//	25 len:u16 factory start:time run  run record, by factory and start; the name in lower case
//	26 factory                         tally of a factory's ended runs; the name in lower case
//	27 hash:32 bytes                   which of the runs that one cause started failed last
//
// Counters with the sub 255 are those of the states of sessions, which are no sub-queue.
//
// All of an entity lies in [10 entity, 10 entity+1): deleting it is one range.
// The same holds for the events and payloads of a run. Numbers are never
// re-used because a deletion leaves the number behind, in the same unit, in
// table 03 or 04; opening keeps only the greatest of each.
//
// A run is 01 and 16 bytes if its ID is a UUID in lower-case text form, else 02,
// a u16 length and the text.
//
// Sections above 4 KiB have a record of their own, so that reading the headers
// of a queue never reads large bodies.
//
// A value of 32 KiB or more, under whatever key, stands in the value log, and a
// reference in its place; valuelog.go draws both. The log is synced before the
// unit that refers to it, so a reference never names what is not there. A segment
// that is hardly named any more is rewritten and removed when others are full or
// the disk nearly is, and when the views are closed that were open before. Its file
// may become another segment.
//
// # Values
//
// Every value that is not empty is
//
//	version:u8 payload crc:u32
//
// where crc (CRC-32C, little-endian) covers the key, the version and the
// payload: a value under a wrong key is as much an error as a damaged one.
// Payloads are sequences of
//
//	uvarint, varint   as in encoding/binary
//	bytes             uvarint length, then the bytes
//	time              varint Unix seconds, uvarint nanoseconds
//	flags             uvarint; each bit says that an optional field follows
//
// and end where the last field ends. An unknown version, an unknown flag and a
// byte too many are errors that name the key. The fields stand in the encoders,
// each beside its decoder.
//
//	counters  next:varint low:varint messages:varint deferred:varint bytes:varint
//	namespace name:bytes definition:bytes
//	entity    ns:uvarint path:bytes flags [created:time] [updated:time] definition:bytes
//	message   flags [enqueued:time] [expires:time] [ttl:varint] [scheduled:time]
//	          [id:bytes] [session:bytes] [partition:bytes] [enqueue sequence:varint] [hops:varint]
//	          [destination:bytes] size:uvarint [sections, size bytes]
//	id        until:time
//	status    flags state:u8 deliveries:uvarint [not before:time] [properties]
//	          [source:bytes] [owner:u8 token:16 bytes] [locked until:time] [run:bytes]
//	run       flags id:bytes pipeline:bytes factory:bytes [start:time] [definition:32 bytes]
//	          [updated:time] [size:uvarint] [cause:32 bytes] summary:bytes
//	start     flags [start:time] [factory:bytes]
//	tally     factory:bytes runs:uvarint size:uvarint flags [reached:time]
//	attempt   run:bytes
//	request   at:time
//	event, payload, snapshot, definition, sections, meta   the bytes as given
//
// # Versions
//
// The format version is in a record of the database and, for a reader that can't
// open it, in the file format. Opening an older directory upgrades it step by
// step, each step and its version record in one synced batch. Opening a newer
// one is [ErrNewerVersion] and changes nothing. The number rises with every
// change of the layout above and with the Pebble format that is pinned in
// options.go.
//
// Format 2 adds the value log and table 05, format 3 the tables 23 and 24 and the
// definition of a run. What an older format has is read as it is. Format 4 lists runs
// by factory; format 5 adds the tables 26 and 27, the requests to cancel runs, their
// snapshots, the size of ended runs, which opening an older directory counts, and the
// ids that are remembered.
//
// How a format changes, of the store's records or of what others keep in them: the
// old version's golden files (package internal/golden) stay and stay readable, and
// every directory in system/testdata/datadir must open and go on where it was.
//
// # Durability
//
// A unit is durable when its group's write-ahead log is synced. A group of
// relaxed units is handed to the goroutine that writes and syncs, which is not
// waited for: a process that is killed in the moments after may lose it, and a
// power cut until the sync is done. After a crash, what is
// there is a prefix of what was submitted that contains all that was
// acknowledged.
//
// # Damage
//
// After a clean stop every file of the database is accounted for: a file that was
// lost, added or has another length, and any change of the manifest, the
// write-ahead log and the small files are [ErrCorrupt] when the store opens.
//
// After a crash these are: a lost database, manifest, table or segment of the
// value log; a table of another length; a bad record in the manifest before a good
// one; and write-ahead logs that lack a batch which was on the disk, wherever they
// are damaged, cut short or lost. The database itself would take the first bad
// record for the end and go on with what is before it. The batches are numbered
// (batchnumber.go), so those behind the tables must be there without a gap, up to
// the last one of which is known that it was synced: by the file synced, and by
// every later batch. A write that a crash cut short was never known to be synced.
// What is lost is told before anything is changed (walcheck.go), and only who sets
// Options.AcceptDataLoss goes on without it.
//
// At any time, a damaged block of a table is [ErrCorrupt] when it is read, found by
// Pebble's checksum, and a damaged record by its own, also in the value log.
// A run whose record can't be read, or what leads to it, is read as what its keys tell,
// with the damage (unread.go), so that it can be set aside, cancelled and deleted. A
// tally, a record of the catalogue and what PutMeta keeps are handed on with their
// damage too, one of the catalogue with what its bytes seem to say: who reads them
// decides. What was met of these is in [Store.Damage] until it is written anew or
// deleted. Nothing is left out, and a segment with a damaged value is never removed,
// unless it lost its end just between two values: nothing tells that until one of those
// is read.
//
// What can't be detected: damage to the last record of the manifest after a crash
// looks like a write that the crash cut short. After a power cut the file synced may
// be older than the logs; then the same holds for the end of the last write-ahead
// log behind the batch that it names. What is there then is older, but each unit is
// whole.
//
// A lost key file, or another key than the one the directory was made with, is
// [ErrKey] when the store opens.
package store
