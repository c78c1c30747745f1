package expr

import "testing"

func TestEveryWindowsZoneLoads(t *testing.T) {
	if len(windowsZones) != 139 {
		t.Errorf("got %d zones, want the 139 of the specification", len(windowsZones))
	}
	for id, name := range windowsZones {
		l, ok := LoadTimeZone(id)
		if !ok || l.String() != name {
			t.Errorf("LoadTimeZone(%s): got %v, %v, want %s", id, l, ok, name)
		}
	}
}
