package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/clock"
)

// level0Compaction is how many tables of the first level may lie over each other before they
// are compacted; Pebble's default is 4. Most of what is sent is gone by then, and is not
// written once more.
const level0Compaction = 8

// Options says how a store works. The zero value is a store on disk with the
// defaults that the fields name.
type Options struct {
	// Logger receives upgrades, slow disks, damage and the line before Fatal.
	// Nil: slog.Default().
	Logger *slog.Logger
	// InMemory keeps everything in memory. Dir is only a name then, and nothing
	// is written ahead.
	InMemory bool
	// FS replaces the disk, for tests of crashes and faults. Nil: the disk.
	FS vfs.FS
	// Key is the sealing key, 32 bytes. Nil: the file secret.key in the
	// directory, made when the directory is made.
	Key []byte

	// Clock is the clock of the process. Open lets it begin no earlier than the
	// latest time that is durable here, and what is committed keeps that up to
	// date, to a second after a crash. Nil: the directory keeps no time.
	Clock *clock.Process

	// AcceptDataLoss opens a directory whose write-ahead log is damaged, or ends before
	// what was acknowledged, with the writes before the damage; what is behind it is kept
	// in the directory damaged. Otherwise that is [ErrCorrupt].
	AcceptDataLoss bool

	// MaxInFlight is how many bytes may be submitted and not yet durable before
	// Admit waits. 0: 64 MiB.
	MaxInFlight int
	// MinFree is how many bytes must be free on the disk for Admit to allow more, and half of
	// them for Continue. 0: 5 % of the disk, at least 512 MiB and at most 4 GiB; negative: not checked.
	MinFree int64
	// Ballast is how many bytes of a file hold room for the time when there is none. 0:
	// no such file.
	Ballast int64
	// CacheSize is the size of the block cache in bytes. 0: 8 MiB.
	CacheSize int64
	// MemTableSize is the size to which a memory table grows, in bytes. 0: 16 MiB.
	MemTableSize uint64

	// MaxOpenFiles is about how many files are kept open to be read: tables and, a
	// fifth of them, segments of the value log. At least 64 tables are. 0: 320.
	MaxOpenFiles int

	// AfterCommit is called with the number of the commit, from 1 for each Open,
	// once it is durable and before its callbacks run. For tests of crashes.
	AfterCommit func(n uint64)
	// Fatal is called once when a commit failed: memory is then ahead of the
	// disk. Nil: log one line and exit with status 1. If it returns, which only a
	// test's should, every goroutine that waits in Sync ends, now and later:
	// nothing may be answered.
	Fatal func(err error)
}

// pebbleFormat is the version of Pebble's own files. Changing it changes
// formatVersion. It is the first with checksums in table footers, and newer than
// the one from which on damage in the middle of a write-ahead log is told from
// its end.
const pebbleFormat = pebble.FormatTableFormatV6

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.FS == nil {
		if o.InMemory {
			o.FS = vfs.NewMem()
		} else {
			o.FS = vfs.Default
		}
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 64 << 20
	}
	if o.CacheSize == 0 {
		o.CacheSize = 8 << 20
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = 16 << 20
	}
	if o.MaxOpenFiles == 0 {
		o.MaxOpenFiles = 320
	}
	if o.Fatal == nil {
		logger := o.Logger
		o.Fatal = func(err error) {
			logger.Error("stopping: what was decided can't be written", "err", firstLine(err))
			os.Exit(1)
		}
	}
	return o
}

// segmentReaders is how many segments of the value log may be open for reading while
// nobody reads them.
func (o Options) segmentReaders() int { return max(o.MaxOpenFiles/5, 1) }

// pebble returns the database's options. fatal ends the goroutine that calls it.
func (o Options) pebble(full *full, lock *pebble.Lock, fatal func(error)) *pebble.Options {
	told := &sync.Map{}
	p := &pebble.Options{
		FS:                          o.FS,
		Lock:                        lock,
		Logger:                      pebbleLogger{o.Logger, fatal},
		FormatMajorVersion:          pebbleFormat,
		DisableWAL:                  o.InMemory,
		CacheSize:                   o.CacheSize,
		MemTableSize:                o.MemTableSize,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       level0Compaction,
		L0StopWritesThreshold:       3 * level0Compaction,
		MaxOpenFiles:                o.MaxOpenFiles - o.segmentReaders(),
		// A manifest is read whole by every Open.
		MaxManifestFileSize: 4 << 20,
		EventListener: &pebble.EventListener{
			BackgroundError: full.backgroundError,
			DiskSlow: func(i pebble.DiskSlowInfo) {
				if full.is() {
					return // it waits for room
				}
				o.Logger.Warn("disk is slow", "file", i.Path, "op", i.OpType.String(), "for", i.Duration)
			},
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				// Once for a file: every read finds it again, and its own error tells more.
				if _, again := told.LoadOrStore(i.Path, true); again {
					return
				}
				o.Logger.Error("data is damaged", "file", i.Path, "err", firstLine(i.Details))
			},
		},
	}
	for i := range p.Levels {
		// Most messages have no status and no sections of their own: reading one
		// must not read a block to find that out.
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return p
}

// pebbleLogger drops what is only informative.
type pebbleLogger struct {
	logger *slog.Logger
	fatal  func(error)
}

func (l pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.logger.Warn("database: " + firstLine(fmt.Errorf(format, args...)))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.fatal(fmt.Errorf(format, args...))
}

func (pebbleLogger) Eventf(context.Context, string, ...any) {}

func (pebbleLogger) IsTracingEnabled(context.Context) bool { return false }
