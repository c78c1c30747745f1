package description_test

import (
	"maps"
	"testing"
	"time"

	"switchyard/broker/description"
)

// TestSpelling: a duration is shown as it was written [ARM 6.2], as long as it has
// that value; what FormatDuration writes too is not kept.
func TestSpelling(t *testing.T) {
	p := property(t, description.Queue, "LockDuration")
	var o description.Options
	for _, c := range []struct {
		text string
		kept int
	}{
		{"PT60S", 1}, {"PT0H1M0.0S", 1}, {"PT1M", 0}, {"PT30.0S", 1}, {"PT30S", 0}, {"PT.5S", 1},
	} {
		if err := p.Set(&o, c.text); err != nil || p.Value(&o) != c.text || len(o.Written) != c.kept {
			t.Errorf("%s is shown as %v, %d texts are kept (%v), want %d", c.text, p.Value(&o), len(o.Written), err, c.kept)
		}
	}
	o.LockDuration = 20 * time.Second // as another front door does
	if got := p.Value(&o); got != "PT20S" {
		t.Errorf("a changed duration is shown as %v, want PT20S", got)
	}
}

// TestSpellingsOfNormal: options keep the spellings of their own properties that are
// of use, and copies share no map that changes.
func TestSpellingsOfNormal(t *testing.T) {
	lock, ttl := property(t, description.Queue, "LockDuration"), property(t, description.Queue, "DefaultMessageTimeToLive")
	var o description.Options
	for p, text := range map[*description.Property]string{lock: "PT60S", ttl: "P1M"} {
		if err := p.Set(&o, text); err != nil {
			t.Fatal(err)
		}
	}
	o.Written["nothing"], o.Written["autoDeleteOnIdle"], o.Written["maxDeliveryCount"] = "PT60S", "PT60S", "PT60S"
	n, err := description.Queue.Normal(o, description.Standard)
	if want := map[string]string{"lockDuration": "PT60S", "defaultMessageTimeToLive": "P1M"}; err != nil || !maps.Equal(n.Written, want) {
		t.Errorf("normal options keep %v (%v), want %v", n.Written, err, want)
	}
	before := maps.Clone(n.Written)
	copied := n
	if err := lock.Set(&copied, "PT120S"); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(n.Written, before) || lock.Value(&n) != "PT60S" || lock.Value(&copied) != "PT120S" {
		t.Errorf("setting a copy changed %v to %v", before, n.Written)
	}
	o = description.Options{}
	if o, err = description.Topic.Normal(o, description.Standard); err != nil || o.Written != nil {
		t.Errorf("nothing was written, and %v is kept (%v)", o.Written, err)
	}
	// "never" is supported however it is written.
	if err := property(t, description.Queue, "AutoDeleteOnIdle").Set(&o, "P300Y"); err != nil {
		t.Fatal(err)
	}
	if o, err = description.Topic.Normal(o, description.Standard); err != nil || o.Written["autoDeleteOnIdle"] != "P300Y" {
		t.Errorf("P300Y: %v, %v", o.Written, err)
	}
}
