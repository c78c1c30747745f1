package run

import "testing"

// The ids and seeds of attempts are the same in every version: a process that
// starts an attempt again after an upgrade must be recognised.
func TestIDsOfAttempts(t *testing.T) {
	for _, c := range []struct {
		run, path string
		attempt   int
		id        string
		seed      uint64
	}{
		{"0f5d5b1e-89ab-4cde-8f01-23456789abcd", "Loop[17]/Call", 2, "dd877f32-69b8-538e-84df-4614869d662b", 1419665117260030379},
		{"0F5D5B1E89AB4CDE8F0123456789ABCD", "Loop[17]/Call", 2, "dd877f32-69b8-538e-84df-4614869d662b", 0},
		{"run", "A", 1, "b2edcb3b-458c-5374-9bad-3e7290ee77fb", 0},
	} {
		if got := activityRunID(c.run, c.path, c.attempt); got != c.id {
			t.Errorf("activityRunID(%s, %s, %d) = %s, want %s", c.run, c.path, c.attempt, got, c.id)
		}
		if got := seed(c.run, c.path, c.attempt); c.seed != 0 && got != c.seed {
			t.Errorf("seed(%s, %s, %d) = %d, want %d", c.run, c.path, c.attempt, got, c.seed)
		}
	}
}
