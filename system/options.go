package system

import (
	"crypto/rand"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"switchyard/clock"
	"switchyard/deploy"
	"switchyard/identity"
	"switchyard/listen"
	"switchyard/pipeline/activity"
	"switchyard/servicebus"
)

// Options are what a Switchyard is started with. The zero value serves from
// memory on free ports.
type Options struct {
	// DataDir is the data directory. It is created if it does not exist, and
	// locked while the Switchyard runs.
	DataDir string
	// Ephemeral keeps everything in memory; DataDir is then not touched.
	Ephemeral bool
	// MinFree is how many bytes stay free on the disk: what would leave less is refused.
	// 0: as [store.Options] MinFree; negative: nothing is refused.
	MinFree int64
	// Ballast is how many bytes a file of the data directory holds for the time when the
	// disk is full. 0: none.
	Ballast int64
	// KeyFile holds the key that seals secrets. Empty: a file in DataDir.
	KeyFile string
	// AcceptDataLoss is that of [store.Options].
	AcceptDataLoss bool

	// AMQPAddress and HTTPAddress are where to listen; "" stands for a free port
	// of 127.0.0.1. With the Fallback a free port of the same host is taken where
	// the port is in use.
	AMQPAddress, HTTPAddress   string
	AMQPFallback, HTTPFallback bool

	// Exposure says how other machines reach the ports, whose addresses are then at its
	// host. It needs strict mode.
	Exposure listen.Exposure
	// Auth says who may log in to the control plane; "": as the data directory was
	// last served, a new one in development.
	Auth identity.Mode
	// Applications is the JSON list of the applications that may log in in strict
	// mode, as issuer.ParseApplications reads it. Nil: the one that the first start in
	// strict mode makes and shows in OwnerFile, unless it is Ephemeral.
	Applications []byte
	// AllowHosts are hosts that activities may connect to whatever they are, as
	// fence.Parse returns them.
	AllowHosts []string
	// KeyVault is azure.Vaults if the vaults are asked that linked services name; "": our own.
	KeyVault string

	// Deployments are deployed before anything can connect.
	Deployments []*deploy.Deployment
	// WithoutTriggers leaves the triggers of the deployments stopped.
	WithoutTriggers bool
	// WithoutAMQP opens no Service Bus endpoint.
	WithoutAMQP bool

	// Grace is how long activities may take to finish when the Switchyard stops.
	// Default 20 s.
	Grace time.Duration
	// HistoryAge is how long a pipeline run is kept after it changed last; 0: for ever.
	HistoryAge time.Duration
	// HistorySize is how many bytes the ended runs of one factory may take; 0: no bound.
	HistorySize int64
	// Memory is how many bytes the process may use, 0 if that is unknown, and
	// RunMemory what one pipeline run and RequestMemory what bodies of requests may; 0: default.
	Memory, RunMemory, RequestMemory int64
	// RunSize is how many bytes an active pipeline run may take on the disk; 0: no bound.
	RunSize int64
	// Clients bound what Service Bus clients have at the same time.
	Clients servicebus.Limits
	// Strict refuses runs of what this version does not run, and Relaxed accepts definitions
	// that Azure refuses and that run here.
	Strict, Relaxed bool
	Logger          *slog.Logger
	// Version is that of the program, for the log.
	Version string
	// Clock is the machine's clock. Default: [clock.Wall].
	Clock clock.Clock
	// Rand is the source of keys, identifiers and lock tokens. Default
	// crypto/rand.
	Rand io.Reader

	// Executors replace those of their activity types: what is measured does nothing.
	Executors map[string]activity.Executor
	// Expired is that of [broker.EventListener].
	Expired func(namespace, path string, sequenceNumbers []int64)
	// AfterCommit is called with the number of each commit once it is durable and
	// before anybody hears of it: the place where tests of crashes end the
	// process.
	AfterCommit func(n uint64)
	// snapshotEvery is that of [engine.Options], for tests.
	snapshotEvery int
}

// defaults fills in what is not given.
func (o *Options) defaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.Wall{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
}

// DefaultGrace is the default of Options.Grace.
const DefaultGrace = 20 * time.Second

// absDataDir is the absolute path of the data directory, "" if none was named.
func (o *Options) absDataDir() string {
	if o.DataDir == "" {
		return ""
	}
	dir, _ := filepath.Abs(o.DataDir) // openCertificates would have failed
	return dir
}
