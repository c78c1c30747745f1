package pipeline

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// activitiesJSON writes n Wait activities; the i-th depends on those that parents
// returns.
func activitiesJSON(n int, parents func(i int) []int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"a%d","type":"Wait","typeProperties":{"waitTimeInSeconds":1},"dependsOn":[`, i)
		for k, j := range parents(i) {
			if k > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"activity":"a%d","dependencyConditions":["Succeeded"]}`, j)
		}
		b.WriteString("]}")
	}
	return b.String()
}

func chain(i int) []int { return []int{i - 1}[min(1, max(0, 1-i)):] }

func all(i int) (list []int) {
	for j := range i {
		list = append(list, j)
	}
	return list
}

func repeat(n int, item func(i int) string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = item(i)
	}
	return strings.Join(list, ",")
}

// TestLimitsStopTheWork reads and validates definitions far beyond the limits.
// What reading them takes, in bytes of memory, grows with their size and not
// with its square: 8,000 activities in a chain once took gigabytes.
func TestLimitsStopTheWork(t *testing.T) {
	nested := strings.Repeat(`{"name":"x","type":"Until","typeProperties":{"expression":"@bool(1)","activities":[`, 40) +
		strings.Repeat(`]}}`, 40)
	for _, c := range []struct {
		name, properties string
		want             string
		megabytes        uint64
	}{
		{"a chain of 8,000", `"activities":[` + activitiesJSON(8000, chain) + `]`, "8000 activities, at most 120 are allowed", 50},
		{"100,000 activities", `"activities":[` + activitiesJSON(100_000, func(int) []int { return nil }) + `]`,
			"100000 activities, at most 120 are allowed", 200},
		{"each of 200 depends on all before", `"activities":[` + activitiesJSON(200, all) + `]`,
			"200 activities, at most 120 are allowed", 50},
		{"8,000 in a container", `"activities":[{"name":"I","type":"IfCondition","typeProperties":{"expression":"@bool(1)","ifTrueActivities":[` +
			activitiesJSON(8000, chain) + `]}}]`, "8001 activities, at most 120 are allowed", 50},
		{"a Switch of 100,000 cases", `"activities":[{"name":"S","type":"Switch","typeProperties":{"on":"x","cases":[` +
			repeat(100_000, func(i int) string { return fmt.Sprintf(`{"value":"%d","activities":[]}`, i) }) + `]}}]`,
			"at most 204800 are allowed", 200},
		{"a Switch of 200 cases", `"activities":[{"name":"S","type":"Switch","typeProperties":{"on":"x","cases":[` +
			repeat(200, func(i int) string { return fmt.Sprintf(`{"value":"%d","activities":[]}`, i) }) + `]}}]`,
			"200 cases, at most 25 are allowed", 10},
		{"dependsOn of 100,000 entries", `"activities":[` + activitiesJSON(1, func(int) []int { return make([]int, 100_000) }) + `]`,
			"at most 204800 are allowed", 200},
		{"100,000 parameters", `"parameters":{` + repeat(100_000, func(i int) string { return fmt.Sprintf(`"p%d":{"type":"string"}`, i) }) + `}`,
			"100000 parameters, at most 50 are allowed", 200},
		{"100,000 variables", `"variables":{` + repeat(100_000, func(i int) string { return fmt.Sprintf(`"v%d":{"type":"String"}`, i) }) + `}`,
			"at most 204800 are allowed", 200},
		{"6,000 variables", `"variables":{` + repeat(6000, func(i int) string { return fmt.Sprintf(`"v%d":{"type":"String"}`, i) }) + `}`,
			"", 20},
		{"containers 40 deep", `"activities":[` + nested + `]`, "containers nested deeper than 16", 10},
	} {
		data := []byte(`{"name":"P","properties":{` + c.properties + `}}`)
		allocated := totalAlloc(func() {
			p, ds := ParsePipeline("p.json", data)
			if p != nil {
				f := &Factory{Pipelines: []*Pipeline{p}}
				ds = append(ds, f.Validate()...)
			}
			if got := ds.Errors().Error(); !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("%s: got %.300s, want %q", c.name, got, c.want)
			}
		})
		t.Logf("%s: %d KB of text, %d KB allocated", c.name, len(data)>>10, allocated>>10)
		if allocated > c.megabytes<<20 {
			t.Errorf("%s: allocated %d bytes for a text of %d, want at most %d MiB", c.name, allocated, len(data), c.megabytes)
		}
	}
}

// TestParametersOfDatasets reads a dataset with as many parameters as its size
// allows, all used.
func TestParametersOfDatasets(t *testing.T) {
	const n = 20_000
	data := `{"name":"D","properties":{"type":"Json","linkedServiceName":{"referenceName":"L","type":"LinkedServiceReference"},"parameters":{` +
		repeat(n, func(i int) string { return fmt.Sprintf(`"p%d":{"type":"string"}`, i) }) + `},"typeProperties":{"x":[` +
		repeat(n, func(i int) string { return fmt.Sprintf(`"@dataset().P%d"`, i) }) + `,"@dataset().other"]}}}`
	d, ds := ParseDataset("d.json", []byte(data))
	if ds.Err() != nil || d == nil {
		t.Fatal(ds)
	}
	l := &LinkedService{Name: "L"}
	ds = (&Factory{Datasets: []*Dataset{d}, LinkedServices: []*LinkedService{l}}).Validate()
	if len(ds) != 1 || !strings.Contains(ds[0].Message, `"other" is not declared`) {
		t.Errorf("got %.300v, want the one parameter that is not declared", ds)
	}
}

func totalAlloc(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
