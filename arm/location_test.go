package arm

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"switchyard/value"
)

// TestReadLocation covers [ARM 5.1]: blanks and case don't matter, and the short
// form is what is kept.
func TestReadLocation(t *testing.T) {
	for body, want := range map[string]string{
		`{"location":"westeurope"}`:       "westeurope",
		`{"Location":"West Europe"}`:      "westeurope",
		`{"location":" EAST us 2 "}`:      "eastus2",
		`{"location":"global"}`:           "LocationNotAvailableForResourceType",
		`{"location":"west-europe"}`:      "LocationNotAvailableForResourceType",
		`{}`:                              "LocationRequired",
		`{"location":null}`:               "LocationRequired",
		`{"location":""}`:                 "LocationRequired",
		`{"location":"  "}`:               "LocationRequired",
		`{"location":["westeurope"]}`:     "InvalidRequestContent",
		`{"location":{"name":"eastus2"}}`: "InvalidRequestContent",
		`{"location":5}`:                  "InvalidRequestContent",
	} {
		v, err := value.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadLocation(v.(*value.Object), "A.B/c")
		if e, ok := errors.AsType[*Error](err); ok {
			got = e.Code
		}
		if got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	if _, err := ReadLocation(nil, "A.B/c"); err == nil {
		t.Error("a request without a body has a location")
	}
}

// TestRegions: the table holds together: names are the short form of the display
// names, pairs lead to regions, and coordinates are on the globe.
func TestRegions(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Regions() {
		if seen[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		seen[r.Name] = true
		if NormalLocation(r.DisplayName) != r.Name {
			t.Errorf("%s is displayed as %q", r.Name, r.DisplayName)
		}
		if r.Paired != "" {
			if _, ok := LookUpRegion(r.Paired); !ok || r.Paired == r.Name {
				t.Errorf("%s is paired with %q, which is no other region", r.Name, r.Paired)
			}
		}
		for limit, text := range map[float64]string{180: r.Longitude, 90: r.Latitude} {
			if x, err := strconv.ParseFloat(text, 64); err != nil || x < -limit || x > limit {
				t.Errorf("%s is at %q of ±%v degrees", r.Name, text, limit)
			}
		}
		if r.Group == "" || r.PhysicalPlace == "" {
			t.Errorf("%s: geography %q, place %q", r.Name, r.Group, r.PhysicalPlace)
		}
	}
	if len(seen) < 50 {
		t.Errorf("there are %d regions", len(seen))
	}
	if r, ok := LookUpRegion("westeurope"); !ok || r.RegionalDisplayName() != "(Europe) West Europe" {
		t.Errorf("westeurope is %q, %t", r.RegionalDisplayName(), ok)
	}
	if _, ok := LookUpRegion("West Europe"); ok {
		t.Error("LookUpRegion takes the short form only")
	}
	if got := strings.Join(RegionNames(), ","); strings.Count(got, ",")+1 != len(Regions()) || !strings.HasPrefix(got, Regions()[0].Name+",") {
		t.Errorf("names: %s", got)
	}
}

// TestMatchesTag: quotes and weakness don't matter, case does; a resource without
// a tag matches only the star.
func TestMatchesTag(t *testing.T) {
	for _, c := range []struct {
		list, etag string
		want       bool
	}{
		{`"a"`, `"a"`, true}, {`a`, `"a"`, true}, {`W/"a"`, `"a"`, true}, {`"a"`, `W/"a"`, true}, {`*`, `"a"`, true}, {`*`, ``, true},
		{`"b", "a"`, `"a"`, true}, {` "a" `, `"a"`, true}, {`"b",*`, `"a"`, true},
		{`"A"`, `"a"`, false}, {`"b"`, `"a"`, false}, {`"b","c"`, `"a"`, false}, {`""`, ``, false}, {``, ``, false}, {`,`, ``, false}, {`a b`, `a`, false},
	} {
		if got := matchesTag(c.list, c.etag); got != c.want {
			t.Errorf("%s against %s: %t, want %t", c.list, c.etag, got, c.want)
		}
	}
}
