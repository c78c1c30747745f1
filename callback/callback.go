// Package callback serves the addresses at which activities are called back. An address
// names an attempt and proves with a token that it was made here; nothing about it is kept.
package callback

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"switchyard/memory"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// Path is how the path of every address begins.
const Path = "/callback/"

const (
	// maxBody bounds what is posted, as the answer of a Web activity is bounded.
	maxBody = 4 << 20
	// freeValue is how much a body may take as a value without asking for room.
	freeValue = 1 << 20
)

// Options are what a [Desk] needs.
type Options struct {
	// Key is secret, and the same after a restart.
	Key []byte
	// Base is how addresses begin, for example http://127.0.0.1:10000.
	Base string
	// Values is the room for bodies that take much as values.
	Values *memory.Room
}

// A Desk makes addresses and takes what is posted to them.
type Desk struct{ o Options }

// New returns a desk.
func New(o Options) *Desk { return &Desk{o} }

// Address returns where an attempt is called back, and the token in that.
func (d *Desk) Address(runID, activityRunID string) (uri, token string) {
	token = d.token(runID, activityRunID)
	return d.o.Base + Path + url.PathEscape(runID) + "/" + url.PathEscape(activityRunID) + "?token=" + token, token
}

func (d *Desk) token(runID, activityRunID string) string {
	m := hmac.New(sha256.New, d.o.Key)
	io.WriteString(m, runID+"\x00"+activityRunID)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Taker takes what an attempt is called back with: [engine.Engine.CallBack].
type Taker func(ctx context.Context, runID, activityRunID string, body value.Value) error

// Handler serves POST of the addresses.
func (d *Desk) Handler(take Taker) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path+"{run}/{activity}", func(w http.ResponseWriter, r *http.Request) {
		runID, activityRunID := r.PathValue("run"), r.PathValue("activity")
		if !hmac.Equal([]byte(r.URL.Query().Get("token")), []byte(d.token(runID, activityRunID))) {
			refuse(w, problem{http.StatusNotFound, "CallbackNotFound", "No activity is called back at this address."})
			return
		}
		body, release, p := d.read(r)
		defer release()
		if p != nil {
			refuse(w, *p)
			return
		}
		answer(w, take(r.Context(), runID, activityRunID, body))
	})
	return mux
}

// A problem is an answer that is no success.
type problem struct {
	status        int
	code, message string
}

// read reads a body. Nothing at all stands for an empty object.
func (d *Desk) read(r *http.Request) (body value.Value, release func(), p *problem) {
	release = func() {}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, release, &problem{http.StatusBadRequest, "InvalidCallback", "The body of the callback can't be read."}
	case len(b) > maxBody:
		return nil, release, &problem{http.StatusRequestEntityTooLarge, "CallbackTooLarge",
			"The body of a callback has at most 4 MB."}
	case len(strings.TrimSpace(string(b))) == 0:
		return &value.Object{}, release, nil
	case !isJSON(r.Header.Get("Content-Type")):
		return nil, release, &problem{http.StatusUnsupportedMediaType, "UnsupportedMediaType",
			"The body of a callback must be JSON, with the Content-Type application/json."}
	}
	if size := value.ParsedSize(b); size > freeValue && d.o.Values != nil {
		if release, err = d.o.Values.Take(r.Context(), size); err != nil {
			return nil, func() {}, &problem{http.StatusServiceUnavailable, "ServerBusy", "There is no memory for the callback now."}
		}
	}
	if body, err = value.Parse(bytes.TrimPrefix(b, []byte("\ufeff"))); err != nil {
		return nil, release, &problem{http.StatusBadRequest, "InvalidCallback", "The body of a callback must be JSON: " + err.Error() + "."}
	}
	return body, release, nil
}

// isJSON takes what says nothing for JSON.
func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return contentType == "" || err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// answer tells who has called back what became of it.
func answer(w http.ResponseWriter, err error) {
	ended, isEnded := errors.AsType[*engine.EndedError](err)
	switch {
	case err == nil:
		write(w, http.StatusOK, map[string]string{"status": "Accepted"})
	case errors.Is(err, engine.ErrCalledBack):
		write(w, http.StatusOK, map[string]string{"status": "AlreadyCalledBack"})
	case errors.Is(err, activity.ErrCallBack):
		refuse(w, problem{http.StatusBadRequest, "InvalidCallback", sentence(err)})
	case isEnded:
		refuse(w, problem{http.StatusGone, endedCode(ended), sentence(ended)})
	case errors.Is(err, engine.ErrRunNotFound), errors.Is(err, engine.ErrRunDropped):
		refuse(w, problem{http.StatusGone, "RunNotFound", "The pipeline run is no longer in the history."})
	case errors.Is(err, engine.ErrAside):
		refuse(w, problem{http.StatusServiceUnavailable, "RunNotResumed", "The pipeline run can't go on now. Call back later."})
	default:
		refuse(w, problem{http.StatusServiceUnavailable, "ServiceUnavailable", "Switchyard stops. Call back later."})
	}
}

func endedCode(e *engine.EndedError) string {
	if e.TimedOut {
		return "ActivityTimedOut"
	}
	if e.Status == run.Cancelled {
		return "ActivityCancelled"
	}
	return "ActivityFailed"
}

// sentence is an error as a sentence.
func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func refuse(w http.ResponseWriter, p problem) {
	write(w, p.status, map[string]any{"error": map[string]string{"code": p.code, "message": p.message}})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who does not listen learns it by calling again
}
