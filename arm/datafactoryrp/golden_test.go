package datafactoryrp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"switchyard/arm/armtest"
)

func serve(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://"+armtest.Host+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"factories", "definitions", "triggers", "refusals"} {
		t.Run(name, func(t *testing.T) {
			armtest.Golden(t, open(t, armtest.NewStore()).k, "testdata/"+name+".txt", vars)
		})
	}
}
