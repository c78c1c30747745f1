package value

import "time"

// Timestamp writes a time as .NET's round-trip format "o" does: UTC with seven
// fractional digits.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }
