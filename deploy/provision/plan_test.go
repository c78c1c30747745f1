package provision

import (
	"testing"
	"time"

	"switchyard/broker/description"
	"switchyard/client"
)

// TestForEver: people read "for ever" where programs read the longest duration of .NET.
func TestForEver(t *testing.T) {
	declared := description.Options{DefaultMessageTimeToLive: time.Hour}
	is, err := description.Queue.Normal(description.Options{}, description.Standard)
	if err != nil {
		t.Fatal(err)
	}
	a := &client.Deployed{}
	if err := (busPlan{a: a}).entity(description.Queue, "queue q", description.Standard, &is, declared); err != nil {
		t.Fatal(err)
	}
	if len(a.Changed) != 1 || a.Changed[0] != "queue q: DefaultMessageTimeToLive for ever -> PT1H" {
		t.Errorf("told as %q", a.Changed)
	}
	want := client.PropertyChange{Of: "queue q", Property: "DefaultMessageTimeToLive",
		Old: "P10675199DT2H48M5.4775807S", New: "PT1H"}
	if len(a.Properties) != 1 || a.Properties[0] != want {
		t.Errorf("for programs %+v, want %+v", a.Properties, want)
	}
}
