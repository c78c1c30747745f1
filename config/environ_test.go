package config

import (
	"strings"
	"testing"
)

// TestEnviron: a variable that is no setting is refused by name, whatever the command
// takes, unless it has no value or is somebody else's.
func TestEnviron(t *testing.T) {
	for _, c := range []struct{ variable, refused string }{
		{"SWITCHYARD_DATA=x", ""},
		{"SWITCHYARD_CONNECTION_STRING=Endpoint=sb://x", ""}, // a setting of other commands
		{"SWITCHYARD_DTA=x", "SWITCHYARD_DTA"},
		{"SWITCHYARD_OUTPUT=json", "SWITCHYARD_OUTPUT"}, // only a flag
		{"SWITCHYARD_DTA=", ""},
		{"SWITCHYARD_PORT_5671_TCP=tcp://10.0.0.1:5671", ""},
		{"SWITCHYARD_SERVICE_HOST=10.0.0.1", ""},
		{"switchyard_dta=x", ""},
		{"PATH=/bin", ""},
	} {
		src := Source{LookupEnv: func(string) (string, bool) { return "", false }, Environ: func() []string { return []string{c.variable} },
			ReadFile: OS.ReadFile}
		_, _, err := Parse([]string{"data", "output"}, nil, src)
		if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %v, want an error that names %q", c.variable, err, c.refused)
		}
	}
}
