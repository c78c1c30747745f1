package language

import (
	"fmt"
	"testing"
)

// BenchmarkHandler is one request with one ticket of 300 characters, per kind.
func BenchmarkHandler(b *testing.B) {
	const text = "I was charged twice for order 4711 last week. Please refund the second payment to DE89 3704 0044 0532 0130 00 or to my card 4111 1111 1111 1111. I have called +49 30 1234567 three times, nobody answers, and your form at https://example.com/refund does not work. This is very disappointing."
	h := NewHandler(Options{})
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			body := fmt.Sprintf(`{"kind":%q,"analysisInput":{"documents":[{"id":"1","text":%q}]}}`, k.name, text)
			b.ReportAllocs()
			for b.Loop() {
				if w := post(b, h, goodQuery, body); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
