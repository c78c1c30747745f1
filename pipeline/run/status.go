package run

// Status is the state of a pipeline run or of an activity run [ENGINE 3.3]. The
// numbers are written to disk.
type Status uint8

// The statuses. Skipped and Inactive are only for activities, Canceling only for
// pipeline runs.
const (
	Queued     Status = 1
	InProgress Status = 2
	Succeeded  Status = 3
	Failed     Status = 4
	Canceling  Status = 5
	Cancelled  Status = 6
	Skipped    Status = 7
	Inactive   Status = 8
)

var statusNames = [...]string{"", "Queued", "InProgress", "Succeeded", "Failed", "Canceling", "Cancelled", "Skipped", "Inactive"}

// String returns the spelling of the REST API.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "Unknown"
}

// Final reports whether nothing follows the status.
func (s Status) Final() bool { return s >= Succeeded && s != Canceling && int(s) < len(statusNames) }

// ParseStatus reads the spelling of the REST API, exactly.
func ParseStatus(text string) (Status, bool) {
	for i, n := range statusNames {
		if i > 0 && n == text {
			return Status(i), true
		}
	}
	return 0, false
}

// TimerKind says what a timer is for. The numbers are written to disk.
type TimerKind uint8

// The kinds of timers.
const (
	TimerWait    TimerKind = 1 // a Wait activity ends
	TimerRetry   TimerKind = 2 // the next attempt starts
	TimerAttempt TimerKind = 3 // an attempt in flight times out
	TimerUntil   TimerKind = 4 // an Until times out
)

var timerNames = [...]string{"", "Wait", "Retry", "Attempt", "Until"}

// String returns the name of the constant without its prefix.
func (k TimerKind) String() string {
	if int(k) < len(timerNames) {
		return timerNames[k]
	}
	return "Unknown"
}
