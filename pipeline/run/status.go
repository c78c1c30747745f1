package run

import "fmt"

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

var statusNames = [...]string{
	"", "Queued", "InProgress", "Succeeded", "Failed", "Canceling", "Cancelled", "Skipped", "Inactive",
}

// String returns the spelling of the REST API.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "Unknown"
}

// Final reports whether nothing follows the status.
func (s Status) Final() bool { return s >= Succeeded && s != Canceling && int(s) < len(statusNames) }

// MarshalText returns the spelling of the REST API.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the spelling of the REST API, exactly.
func (s *Status) UnmarshalText(text []byte) error {
	for i, n := range statusNames {
		if i > 0 && n == string(text) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no status of a run", text)
}
