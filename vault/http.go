package vault

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Path is where [Vault.Handler] serves: Path lists the secrets, Path/NAME is one.
const Path = "/switchyard/secrets"

// Handler serves the vault to those who know a token: GET of [Path] lists it, PUT of a
// name with the secret as body sets one, DELETE removes one. No value is ever answered.
func (v *Vault) Handler(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, _ *http.Request) {
		list, err := v.List()
		answer(w, list, err)
	})
	mux.HandleFunc("PUT "+Path+"/{name}", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(io.LimitReader(r.Body, MaxValue+1))
		if err == nil {
			err = v.Set(r.Context(), r.PathValue("name"), string(b))
		}
		answer(w, struct{}{}, err)
	})
	mux.HandleFunc("DELETE "+Path+"/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, v.Delete(r.Context(), r.PathValue("name")))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			http.Error(w, `{"error":"only who can read the data directory may do this"}`, http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	status := http.StatusOK
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, ErrInvalidName), errors.Is(err, ErrTooLarge), errors.Is(err, ErrEmpty):
		status = http.StatusBadRequest
	default:
		status = http.StatusInternalServerError
	}
	if err != nil {
		v = map[string]string{"error": err.Error()}
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who has gone needs no answer
}
