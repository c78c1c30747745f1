package servicebus

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each operation of [SB-AMQP 9.3] is there, and none of that vendor beside these.
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
		if _, have := operations[name]; !have {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range operations {
		if strings.HasPrefix(name, "com.microsoft:") && !slices.Contains(names, name) {
			t.Errorf("%s is not an operation of Service Bus", name)
		}
	}
}
