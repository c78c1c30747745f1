package broker

import "testing"

// TestUpgrade: definitions of every version become the newest with what was kept
// apart, and what is known already stays.
func TestUpgrade(t *testing.T) {
	written := map[string]string{"lockDuration": "PT60S"}
	for _, c := range []struct {
		name    string
		upgrade func([]byte) ([]byte, error)
		old     string
		want    string // "": an error
	}{
		{"namespace", func(b []byte) ([]byte, error) { return UpgradeNamespace(b, []byte("x")) },
			`{"version":1,"options":{"sku":"Basic"}}`, `{"version":3,"options":{"sku":"Basic"},"access":"eA=="}`},
		{"namespace too new", func(b []byte) ([]byte, error) { return UpgradeNamespace(b, nil) }, `{"version":4,"options":{}}`, ""},
		{"access of a queue", func(b []byte) ([]byte, error) { return UpgradeAccess(b, []byte("x")) },
			`{"version":1,"options":{"maxDeliveryCount":3}}`, `{"version":3,"kind":"queue","options":{"maxDeliveryCount":3},"access":"eA=="}`},
		{"spelling beside it", func(b []byte) ([]byte, error) { return UpgradeWritten(b, written) },
			`{"version":3,"kind":"queue","options":{"maxDeliveryCount":3},"access":"eA=="}`,
			`{"version":3,"kind":"queue","options":{"maxDeliveryCount":3,"written":{"lockDuration":"PT60S"}},"access":"eA=="}`},
		{"access of a topic", func(b []byte) ([]byte, error) { return UpgradeAccess(b, []byte("x")) },
			`{"version":2,"kind":"topic","options":{"status":"Active"}}`, `{"version":3,"kind":"topic","options":{"status":"Active"},"access":"eA=="}`},
		{"spelling of a subscription", func(b []byte) ([]byte, error) { return UpgradeWritten(b, written) },
			`{"version":2,"kind":"subscription","topic":7,"name":"S","options":{"status":"Active"}}`,
			`{"version":3,"kind":"subscription","topic":7,"name":"S","options":{"status":"Active","written":{"lockDuration":"PT60S"}}}`},
		{"unknown kind", func(b []byte) ([]byte, error) { return UpgradeWritten(b, written) }, `{"version":3,"kind":"relay"}`, ""},
		{"too new", func(b []byte) ([]byte, error) { return UpgradeAccess(b, nil) }, `{"version":4,"kind":"queue"}`, ""},
		{"no JSON", func(b []byte) ([]byte, error) { return UpgradeAccess(b, nil) }, `{`, ""},
	} {
		got, err := c.upgrade([]byte(c.old))
		if (err == nil) != (c.want != "") || c.want != "" && string(got) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.name, got, err, c.want)
		}
	}
}
