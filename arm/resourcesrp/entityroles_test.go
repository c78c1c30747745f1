package resourcesrp

import "testing"

// TestCoversEntity: an assignment holds at its scope and below, whatever the names
// beside it look like.
func TestCoversEntity(t *testing.T) {
	const ns = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/ns"
	for _, c := range []struct {
		scope, path string
		want        bool
	}{
		{"/", "q", true},
		{"/subscriptions/S", "q", true},
		{"/subscriptions/s/resourceGroups/G", "", true},
		{ns, "", true},
		{ns, "q", true},
		{ns + "/", "q", true},
		{"/subscriptions/s/resourceGroups/g2", "q", false},
		{ns + "2", "q", false},
		{ns + "/queues/q", "Q", true},
		{ns + "/queues/q", "q/$DeadLetterQueue", true},
		{ns + "/queues/q", "", false},
		{ns + "/queues/q", "q2", false},
		{ns + "/queues/q", "q/r", false},
		{ns + "/queues/q~r", "q/r", true},
		{ns + "/queues/q~r", "q", false},
		{ns + "/topics/t", "t", true},
		{ns + "/topics/t", "t/Subscriptions/s", true},
		{ns + "/topics/t/subscriptions/s", "t/Subscriptions/S", true},
		{ns + "/topics/t/subscriptions/s", "t/Subscriptions/s2", false},
		{ns + "/topics/t/subscriptions/s", "t", false},
		{ns + "/eventhubs/q", "q", false},
	} {
		if got := coversEntity(c.scope, ns, c.path); got != c.want {
			t.Errorf("scope %s covers %q: %v, want %v", c.scope, c.path, got, c.want)
		}
	}
}
