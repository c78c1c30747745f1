package language

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Path is the one path that [NewHandler] serves.
const Path = "/language/:analyze-text"

// ModelVersion is the modelVersion of every result. Requests may name it or
// "latest".
const ModelVersion = "switchyard.1"

// maxBody is the largest request in bytes: the service documents 1 MB for all
// preconfigured features.
const maxBody = 1 << 20

var apiVersions = []string{"2022-05-01", "2023-04-01"}

// Options configure [NewHandler].
type Options struct {
	// Keys are the subscription keys, any of which a request must carry in
	// Ocp-Apim-Subscription-Key. With none, no key is asked for and one that
	// is sent is not looked at: the endpoint is then only as private as the
	// address it is bound to.
	Keys []string
}

// NewHandler returns the endpoint. It is safe for concurrent use.
func NewHandler(o Options) http.Handler {
	return &handler{keys: slices.Clone(o.Keys)}
}

type handler struct {
	keys []string
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id := r.Header.Get("x-ms-client-request-id"); id != "" {
		w.Header().Set("x-ms-client-request-id", id)
	}
	resp, err := h.serve(w, r)
	if err != nil {
		var e *apiError
		if !errors.As(err, &e) {
			// The client went away while its documents were analysed.
			return
		}
		e.write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(resp)
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) (*response, error) {
	if r.URL.Path != Path {
		if strings.HasPrefix(r.URL.Path, "/language/analyze-text/jobs") {
			return nil, gateway(http.StatusNotFound,
				"Asynchronous jobs are not supported by this endpoint; send the documents to %s.", Path)
		}
		return nil, gateway(http.StatusNotFound,
			"Resource %s not found; this endpoint serves POST %s.", r.URL.Path, Path)
	}
	if !h.authorized(r.Header.Values("Ocp-Apim-Subscription-Key")) {
		return nil, gateway(http.StatusUnauthorized,
			"Access denied: the header Ocp-Apim-Subscription-Key is missing or does not carry a key of this resource.")
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, gateway(http.StatusMethodNotAllowed, "Method %s is not allowed; use POST.", r.Method)
	}
	stats, err := query(r)
	if err != nil {
		return nil, err
	}
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if mt, _, err := mime.ParseMediaType(ct); err != nil || mt != "application/json" {
			return nil, gateway(http.StatusUnsupportedMediaType,
				"Content-Type %q is not supported; use application/json.", ct)
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, gateway(http.StatusRequestEntityTooLarge, "The request is larger than %d bytes.", maxBody)
		}
		return nil, err
	}
	t, err := parseTask(body)
	if err != nil {
		return nil, err
	}
	return t.run(r.Context(), stats)
}

// authorized compares without telling by its timing how much of a key is right.
func (h *handler) authorized(got []string) bool {
	if len(h.keys) == 0 {
		return true
	}
	ok := 0
	if len(got) == 1 {
		for _, k := range h.keys {
			ok |= subtle.ConstantTimeCompare([]byte(k), []byte(got[0]))
		}
	}
	return ok == 1
}

// query checks api-version and returns showStats.
func query(r *http.Request) (stats bool, err error) {
	q := r.URL.Query()
	switch v := q.Get("api-version"); {
	case v == "":
		return false, badRequest(innerInvalidParameterValue,
			"The query parameter api-version is missing. Supported: %s.", strings.Join(apiVersions, ", "))
	case !slices.Contains(apiVersions, v):
		return false, badRequest(innerInvalidParameterValue,
			"The api-version %q is not supported. Supported: %s.", v, strings.Join(apiVersions, ", "))
	}
	if v := q.Get("showStats"); v != "" {
		if stats, err = strconv.ParseBool(v); err != nil {
			return false, badRequest(innerInvalidParameterValue,
				"The query parameter showStats must be true or false, not %q.", v)
		}
	}
	return stats, nil
}
