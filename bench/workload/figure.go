package workload

import "time"

// A Figure is what was measured of a workload, or of one phase of it. What is nil could not
// be measured or was not asked for.
type Figure struct {
	Workload  string  `json:"workload"`
	Phase     string  `json:"phase"`  // sends, drain or both
	Settle    string  `json:"settle"` // how consumers settle: first or second
	Messages  int     `json:"messages"`
	Size      int     `json:"size"` // of a body, in bytes
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"messagesPerSecond"`
	// Megabytes are those of bodies, 1,000,000 bytes each.
	Megabytes float64 `json:"megabytesPerSecond"`
	// ServerCPU and ClientCPU are processor time for each message, in microseconds.
	ServerCPU *float64 `json:"serverCpuMicroseconds"`
	ClientCPU *float64 `json:"clientCpuMicroseconds"`
	Flushes   *int64   `json:"flushes"` // of the block device, by whatever caused them
	// Memory is what of the server was resident after the phase, in bytes, and OverIdle
	// what that is more than before the workload; only where all messages wait.
	Memory   *int64 `json:"memoryBytes"`
	OverIdle *int64 `json:"memoryOverIdleBytes,omitempty"`
}

// A reading is where the counters stand at a moment.
type reading struct {
	at             time.Time
	server, client *time.Duration
	flushes        *int64
}

func (m *Measurement) read() (r reading, err error) {
	r.at = m.Clock.Now()
	if m.Server != 0 {
		if r.server, err = pointer(m.Server.CPU()); err != nil {
			return r, err
		}
	}
	r.client, _ = pointer(m.Client.CPU()) // another system than Linux has none
	if m.Device != "" {
		r.flushes, err = pointer(m.Device.Flushes())
	}
	return r, err
}

// figure is what a phase came to that began with a reading.
func (m *Measurement) figure(w Workload, phase string, from reading) (Figure, error) {
	to, err := m.read()
	if err != nil {
		return Figure{}, err
	}
	seconds := max(to.at.Sub(from.at), time.Nanosecond).Seconds()
	f := Figure{
		Workload: w.Name, Phase: phase, Settle: "first", Messages: w.Messages, Size: w.Size, Seconds: seconds,
		PerSecond: float64(w.Messages) / seconds, Megabytes: float64(w.Messages) * float64(w.Size) / 1e6 / seconds,
		ServerCPU: each(w, from.server, to.server), ClientCPU: each(w, from.client, to.client),
	}
	if m.Second {
		f.Settle = "second"
	}
	if from.flushes != nil {
		n := *to.flushes - *from.flushes
		f.Flushes = &n
	}
	if m.Server != 0 {
		f.Memory, err = pointer(m.Server.memory())
	}
	return f, err
}

// each is the processor time for each message, in microseconds.
func each(w Workload, from, to *time.Duration) *float64 {
	if from == nil || to == nil {
		return nil
	}
	us := float64((*to - *from).Nanoseconds()) / 1e3 / float64(w.Messages)
	return &us
}

func pointer[T any](v T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return &v, nil
}
