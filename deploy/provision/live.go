package provision

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"switchyard/client"
	"switchyard/deploy"
	"switchyard/pipeline"
)

// maxFolder is the size of the greatest folder that is taken, packed, in bytes.
const maxFolder = 64 << 20

// Handler deploys folders into a running Switchyard for those who know a token: POST of a
// zip file of the folder, with its name, strict and relaxed in the query. With plan=true it tells
// what would be done and does nothing. Runs that are under way go on with the definitions
// that they began with; triggers follow.
func (p *Provisioner) Handler(token string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			http.Error(w, `{"error":"only who can read the data directory may do this"}`, http.StatusUnauthorized)
			return
		}
		a, err := p.live(r)
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
			return
		}
		_ = json.NewEncoder(w).Encode(a) // who has gone needs no answer
	})
}

func (p *Provisioner) live(r *http.Request) (a *client.Deployed, err error) {
	a = newPlan()
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxFolder))
	if err != nil {
		return a, err
	}
	files, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return a, err
	}
	q := r.URL.Query()
	folder, found := deploy.Read(files, q.Get("name"), deploy.Mode{Strict: q.Get("strict") == "true", Relaxed: q.Get("relaxed") == "true"})
	if err = found.Err(); err == nil {
		if a, err = p.Plan(folder); err == nil && q.Get("plan") != "true" {
			err = p.Deploy(context.WithoutCancel(r.Context()), []*deploy.Deployment{folder})
		}
	}
	if ds, ok := errors.AsType[pipeline.Diagnostics](err); ok {
		a.Refused, err = true, nil
		found = ds
	}
	a.Diagnostics = append(a.Diagnostics, found...)
	return a, err
}
