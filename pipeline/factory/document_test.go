package factory

import (
	"errors"
	"testing"

	"switchyard/value"
)

// TestPutParsesNothingAgain: what a request's body was parsed to is what the
// definition is read from; its text is kept to the byte.
func TestPutParsesNothingAgain(t *testing.T) {
	w := open(t, newRecords()).factory()
	text := []byte(`{ "activities" : [ ], "description":"1.50", "concurrency":1 }`)
	v, err := value.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Put(t.Context(), theID, Pipelines, "P", Document{Text: text, Value: v}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(d.Properties), `{"activities":[],"description":"1.50","concurrency":1}`; got != want {
		t.Errorf("properties: got %s, want %s", got, want)
	}
	f, err := w.Factory(theID.Factory)
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := f.Pipeline("P").Raw.Get("properties"); raw != v {
		t.Error("the text was parsed again")
	}
}

// TestPutWithMask: a definition that keeps a secret by its mask is read with the
// secret, not from what was sent.
func TestPutWithMask(t *testing.T) {
	w := open(t, newRecords()).factory()
	w.put(LinkedServices, "Bus", busText)
	text := []byte(`{"type":"AzureServiceBus","typeProperties":{"connectionString":{"type":"SecureString","value":"` + Mask + `"}}}`)
	v, err := value.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Put(t.Context(), theID, LinkedServices, "Bus", Document{Text: text, Value: v}, nil); err != nil {
		t.Fatal(err)
	}
	l, err := w.LinkedService(theID.Factory, "Bus")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"connectionString":{"type":"SecureString","value":"Endpoint=sb://ns/;SharedAccessKey=k3y"}}`
	if got := string(value.Append(nil, l.TypeProperties)); got != want {
		t.Errorf("typeProperties: got %s, want %s", got, want)
	}
}

// TestDocument: a text that nobody has parsed is, and must be JSON.
func TestDocument(t *testing.T) {
	if v, err := (Document{Text: []byte(`[1]`)}).parsed(); err != nil || string(value.Append(nil, v)) != "[1]" {
		t.Errorf("parsed: %v, %v; want [1]", v, err)
	}
	if _, err := (Document{Text: []byte(`{`)}).parsed(); !errors.Is(err, ErrInvalid) {
		t.Errorf("parsed text that is no JSON: %v, want ErrInvalid", err)
	}
}
