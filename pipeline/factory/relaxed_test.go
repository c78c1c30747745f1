package factory

import (
	"fmt"
	"strings"
	"testing"
)

// beyondText are pipelines that Data Factory refuses and that run here.
var beyondText = map[string]string{
	"activities": `{"activities":[` + strings.Repeat(`{"name":"%d","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},`, 120) +
		`{"name":"last","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}`,
	"a loop in a loop": `{"activities":[{"name":"F","type":"ForEach","typeProperties":{"items":"@range(0,2)","activities":[
		{"name":"U","type":"Until","typeProperties":{"expression":"@bool(1)","activities":[]}}]}}]}`,
	"cases":     `{"activities":[{"name":"S","type":"Switch","typeProperties":{"on":"x","cases":[` + strings.Repeat(`{"value":"%d","activities":[]},`, 25) + `{"value":"last"}]}}]}`,
	"batches":   `{"activities":[{"name":"F","type":"ForEach","typeProperties":{"items":"@range(0,2)","batchCount":51,"activities":[]}}]}`,
	"arguments": `{"activities":[],"parameters":{` + strings.Repeat(`"p%d":{"type":"Int"},`, 50) + `"last":{"type":"Int"}}}`,
	"bytes":     `{"activities":[],"description":"` + strings.Repeat("x", 200<<10) + `"}`,
}

// numbered puts numbers in the place of each %d.
func numbered(text string) string {
	for i := 0; strings.Contains(text, "%d"); i++ {
		text = strings.Replace(text, "%d", fmt.Sprint(i), 1)
	}
	return text
}

// TestRelaxed: what Data Factory refuses and can run here is refused, unless it is to be
// accepted; what was accepted is there after a restart that refuses more of it.
func TestRelaxed(t *testing.T) {
	for name, text := range beyondText {
		t.Run(name, func(t *testing.T) {
			doc := Document{Text: []byte(numbered(text))}
			w := open(t, newRecords()).factory()
			_, err := w.Put(t.Context(), theID, Pipelines, "P", doc, nil)
			wantKind(t, "put", err, ErrInvalid)
			w.o.Relaxed = true
			if _, err := w.Put(t.Context(), theID, Pipelines, "P", doc, nil); err != nil {
				t.Fatalf("relaxed: %v", err)
			}
			w.Close()
			w = open(t, w.records)
			f, err := w.Factory("contoso")
			if err != nil || f.Pipeline("P") == nil {
				t.Fatalf("after a restart: %v, %v, want the pipeline", f, err)
			}
			_, err = w.Put(t.Context(), theID, Pipelines, "P", doc, nil)
			wantKind(t, "put after a restart", err, ErrInvalid)
		})
	}
}

// TestRelaxedHasAnEnd: what is too much to be read is refused in any case.
func TestRelaxedHasAnEnd(t *testing.T) {
	w := open(t, newRecords()).factory()
	w.o.Relaxed = true
	for what, text := range map[string]string{
		"1201 activities":    `{"activities":[` + strings.Repeat(`{"name":"%d","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},`, 1200) + `{}]}`,
		"501 parameters":     `{"activities":[],"parameters":{` + strings.Repeat(`"p%d":{"type":"Int"},`, 500) + `"last":{"type":"Int"}}}`,
		"the definition has": `{"activities":[],"description":"` + strings.Repeat("x", 2000<<10) + `"}`,
	} {
		_, err := w.Put(t.Context(), theID, Pipelines, "P", Document{Text: []byte(numbered(text))}, nil)
		wantKind(t, what, err, ErrInvalid)
		if err != nil && !strings.Contains(err.Error(), what) {
			t.Errorf("got %v, want %s", err, what)
		}
	}
}
