package servicebus

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// Each operation of [SB-AMQP 9.3] is there, or is refused as what it is.
func TestOperations(t *testing.T) {
	spec, err := os.ReadFile("../docs/spec/service-bus-amqp.md")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?s)### 9\.3 .*?### 9\.4`).Find(spec)
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)`").FindAllSubmatch(section, -1)
	if len(rows) < 10 {
		t.Fatalf("[SB-AMQP 9.3] has %d operations", len(rows))
	}
	var names []string
	for _, row := range rows {
		name := "com.microsoft:" + string(row[1])
		names = append(names, name)
		if _, have := operations[name]; have == (missing[name] != "") {
			t.Errorf("%s: is there %v, is missing as %q; want one of both", name, have, missing[name])
		}
	}
	for name := range missing {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not an operation of Service Bus", name)
		}
	}
}
