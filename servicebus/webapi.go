package servicebus

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// missingAPIs are the HTTP interfaces of a namespace that this version has not, by what
// their requests look like. The answer must be neither 404 nor 401: to administration
// clients 404 says that an entity does not exist.
var missingAPIs = []struct {
	name string
	is   func(r *http.Request, path string) bool
}{
	{"AMQP over WebSockets (connect with AMQP over TCP)", func(_ *http.Request, path string) bool {
		return strings.HasPrefix(path, "/$servicebus/websocket")
	}},
	{"sending and receiving over HTTP (connect with AMQP)", func(_ *http.Request, path string) bool {
		return strings.HasSuffix(path, "/messages") || strings.HasSuffix(path, "/messages/head") ||
			strings.Contains(path, "/messages/")
	}},
	{"the administration API (manage entities through the Resource Manager, or with 'switchyard up FOLDER')",
		func(r *http.Request, path string) bool {
			return strings.HasPrefix(path, "/$resources/") || strings.HasPrefix(path, "/$namespaceinfo") ||
				r.Header.Get("Servicebusauthorization") != "" ||
				strings.HasPrefix(r.Header.Get("Authorization"), "SharedAccessSignature ") ||
				strings.HasPrefix(r.URL.Query().Get("api-version"), "20") &&
					(r.Header.Get("Content-Type") == "application/atom+xml" ||
						!strings.Contains(r.Header.Get("Accept"), "json"))
		}},
}

// atomError is the body of an error of the administration API.
type atomError struct {
	XMLName struct{} `xml:"Error"`
	Code    int
	Detail  string
}

// MissingAPI answers requests of the HTTP interfaces of Service Bus that this version
// has not, with 501 and the name of the interface, and passes all others on to next.
func MissingAPI(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.ToLower(r.URL.Path)
		for _, api := range missingAPIs {
			if !api.is(r, path) {
				continue
			}
			text, err := xml.Marshal(atomError{Code: http.StatusNotImplemented,
				Detail: fmt.Sprintf("%s is not supported by this version of Switchyard: %s %s.", api.name, r.Method, r.URL.Path)})
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/xml; charset=utf-8")
			w.WriteHeader(http.StatusNotImplemented)
			_, _ = w.Write(text) // a client that is gone is no news
			return
		}
		next.ServeHTTP(w, r)
	})
}
