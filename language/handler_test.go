package language

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"switchyard/value"
)

const goodQuery = Path + "?api-version=2023-04-01"

// post sends body and returns status and answer.
func post(t testing.TB, h http.Handler, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// sameJSON compares JSON by value.
func sameJSON(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	g, err := value.Parse(got)
	if err != nil {
		t.Fatalf("%s: got %q, which is no JSON: %v", what, got, err)
	}
	w, err := value.Parse([]byte(want))
	if err != nil {
		t.Fatalf("%s: want %q: %v", what, want, err)
	}
	if !value.Equal(g, w) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, value.Append(nil, g), value.Append(nil, w))
	}
}

// TestShapes are whole answers, one per kind, with statistics, errors of
// documents and warnings.
func TestShapes(t *testing.T) {
	h := NewHandler(Options{})
	long := strings.Repeat("x", longWord+1)
	for _, tt := range []struct{ name, body, want string }{
		{"language", `{"kind":"LanguageDetection","parameters":{"modelVersion":"latest"},"analysisInput":{"documents":[{"id":"1","countryHint":"us","text":"12345 ☎"}]}}`,
			`{"kind":"LanguageDetectionResults","results":{
			  "statistics":{"documentsCount":1,"validDocumentsCount":1,"erroneousDocumentsCount":0,"transactionsCount":1},
			  "documents":[{"id":"1","statistics":{"charactersCount":7,"transactionsCount":1},"warnings":[],
			    "detectedLanguage":{"name":"(Unknown)","iso6391Name":"(Unknown)","confidenceScore":0}}],
			  "errors":[],"modelVersion":"switchyard.1"}}`},
		{"sentiment", `{"kind":"SentimentAnalysis","parameters":{"stringIndexType":"Utf16CodeUnit","opinionMining":false,"loggingOptOut":true},"analysisInput":{"documents":[
			    {"id":"a","language":"en-GB","text":"😀 Great service. The parcel was broken!"},{"id":"b","text":" "},{"id":"c","language":"fi","text":"Hei"}]}}`,
			`{"kind":"SentimentAnalysisResults","results":{
			  "statistics":{"documentsCount":3,"validDocumentsCount":1,"erroneousDocumentsCount":2,"transactionsCount":1},
			  "documents":[{"id":"a","statistics":{"charactersCount":39,"transactionsCount":1},"warnings":[],"sentiment":"mixed",
			    "confidenceScores":{"positive":0.41,"neutral":0.24,"negative":0.35},
			    "sentences":[
			      {"sentiment":"positive","confidenceScores":{"positive":0.82,"neutral":0.18,"negative":0},"offset":0,"length":17,"text":"😀 Great service."},
			      {"sentiment":"negative","confidenceScores":{"positive":0,"neutral":0.29,"negative":0.71},"offset":18,"length":22,"text":"The parcel was broken!"}]}],
			  "errors":[
			    {"id":"b","error":{"code":"InvalidArgument","message":"Invalid document in request.","innererror":{"code":"InvalidDocument","message":"Document text is empty."}}},
			    {"id":"c","error":{"code":"InvalidArgument","message":"Invalid Language Code.","innererror":{"code":"UnsupportedLanguageCode","message":"The language code \"fi\" is not covered. Supported languages for SentimentAnalysis: en,de,fr,es."}}}],
			  "modelVersion":"switchyard.1"}}`},
		{"key phrases", `{"kind":"KeyPhraseExtraction","analysisInput":{"documents":[{"id":"1","text":"The delivery service lost my blue suitcase. ` + long + `"}]}}`,
			`{"kind":"KeyPhraseExtractionResults","results":{
			  "statistics":{"documentsCount":1,"validDocumentsCount":1,"erroneousDocumentsCount":0,"transactionsCount":1},
			  "documents":[{"id":"1","statistics":{"charactersCount":109,"transactionsCount":1},
			    "warnings":[{"code":"LongWordsInDocument","message":"The document has words longer than 64 characters; they were left out of the analysis."}],
			    "keyPhrases":["delivery service lost","blue suitcase"]}],
			  "errors":[],"modelVersion":"switchyard.1"}}`},
		{"personal data", `{"kind":"PiiEntityRecognition","parameters":{"domain":"none","piiCategories":["Email"],"stringIndexType":"UnicodeCodePoint"},"analysisInput":{"documents":[{"id":"1","language":"ja","text":"😀 a@b.example, 192.0.2.1"}]}}`,
			`{"kind":"PiiEntityRecognitionResults","results":{
			  "statistics":{"documentsCount":1,"validDocumentsCount":1,"erroneousDocumentsCount":0,"transactionsCount":1},
			  "documents":[{"id":"1","statistics":{"charactersCount":24,"transactionsCount":1},"warnings":[],
			    "redactedText":"😀 ***********, 192.0.2.1",
			    "entities":[{"text":"a@b.example","category":"Email","offset":2,"length":11,"confidenceScore":0.95}]}],
			  "errors":[],"modelVersion":"switchyard.1"}}`},
	} {
		w := post(t, h, goodQuery+"&showStats=true", tt.body)
		if w.Code != 200 {
			t.Errorf("%s: status %d, want 200", tt.name, w.Code)
		}
		sameJSON(t, tt.name, w.Body.Bytes(), tt.want)
	}
}

// TestRefusals: whatever is wrong is answered with status, code, inner code and
// a message that names it.
func TestRefusals(t *testing.T) {
	docs := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,{"id":"%d","text":"x"}`, i)
		}
		return b.String()[1:]
	}
	task := func(kind, params, documents string) string {
		return fmt.Sprintf(`{"kind":%q,"parameters":{%s},"analysisInput":{"documents":[%s]}}`, kind, params, documents)
	}
	good := task("LanguageDetection", "", docs(1))
	h := NewHandler(Options{Keys: []string{"key one", "key two"}})
	for _, tt := range []struct {
		name, method, target, key, body string
		status                          int
		code, inner, names              string
	}{
		{"other path", "POST", "/text/analytics/v3.1/sentiment", "key one", good, 404, "404", "", "/text/analytics/v3.1/sentiment"},
		{"jobs", "POST", "/language/analyze-text/jobs?api-version=2023-04-01", "key one", good, 404, "404", "", "jobs"},
		{"no key", "POST", goodQuery, "", good, 401, "401", "", "Ocp-Apim-Subscription-Key"},
		{"wrong key", "POST", goodQuery, "key three", good, 401, "401", "", "Ocp-Apim-Subscription-Key"},
		{"GET", "GET", goodQuery, "key two", "", 405, "405", "", "GET"},
		{"no version", "POST", Path, "key one", good, 400, "InvalidRequest", "InvalidParameterValue", "api-version"},
		{"other version", "POST", Path + "?api-version=2024-11-01", "key one", good, 400, "InvalidRequest", "InvalidParameterValue", "2024-11-01"},
		{"showStats", "POST", goodQuery + "&showStats=perhaps", "key one", good, 400, "InvalidRequest", "InvalidParameterValue", "perhaps"},
		{"too large", "POST", goodQuery, "key one", strings.Repeat(" ", maxBody+1), 413, "413", "", "1048576"},
		{"empty", "POST", goodQuery, "key one", "  ", 400, "InvalidRequest", "EmptyRequest", "no body"},
		{"no JSON", "POST", goodQuery, "key one", `{"kind":`, 400, "InvalidRequest", "InvalidRequestBodyFormat", "unexpected"},
		{"no object", "POST", goodQuery, "key one", `[1]`, 400, "InvalidRequest", "InvalidRequestBodyFormat", "array"},
		{"wrong type", "POST", goodQuery, "key one", task("LanguageDetection", "", `{"id":1,"text":"x"}`), 400, "InvalidRequest", "InvalidRequestBodyFormat", "id"},
		{"unknown member", "POST", goodQuery, "key one", `{"kind":"LanguageDetection","tasks":[]}`, 400, "InvalidRequest", "InvalidRequestBodyFormat", "tasks"},
		{"two values", "POST", goodQuery, "key one", good + good, 400, "InvalidRequest", "InvalidRequestBodyFormat", "after"},
		{"no kind", "POST", goodQuery, "key one", `{"analysisInput":{"documents":[]}}`, 400, "InvalidRequest", "InvalidRequestBodyFormat", "kind"},
		{"unknown kind", "POST", goodQuery, "key one", task("Sentimental", "", docs(1)), 400, "InvalidRequest", "InvalidParameterValue", `"Sentimental" is unknown`},
		{"kind not here", "POST", goodQuery, "key one", task("EntityLinking", "", docs(1)), 400, "InvalidRequest", "InvalidParameterValue", `"EntityLinking" is not supported`},
		{"no documents", "POST", goodQuery, "key one", `{"kind":"LanguageDetection"}`, 400, "InvalidRequest", "MissingInputDocuments", "documents"},
		{"null document", "POST", goodQuery, "key one", task("LanguageDetection", "", "null"), 400, "InvalidRequest", "InvalidDocument", "Document 0"},
		{"no id", "POST", goodQuery, "key one", task("LanguageDetection", "", `{"text":"x"}`), 400, "InvalidRequest", "InvalidDocument", "no id"},
		{"same id", "POST", goodQuery, "key one", task("LanguageDetection", "", `{"id":"é","text":"x"},{"id":"é","text":"y"}`), 400, "InvalidRequest", "InvalidDocument", "é"},
		{"language for detection", "POST", goodQuery, "key one", task("LanguageDetection", "", `{"id":"1","text":"x","language":"en"}`), 400, "InvalidRequest", "InvalidRequestBodyFormat", "countryHint"},
		{"hint for sentiment", "POST", goodQuery, "key one", task("SentimentAnalysis", "", `{"id":"1","text":"x","countryHint":"US"}`), 400, "InvalidRequest", "InvalidRequestBodyFormat", "language"},
		{"1,001 for detection", "POST", goodQuery, "key one", task("LanguageDetection", "", docs(1001)), 400, "InvalidRequest", "InvalidDocumentBatch", "1000"},
		{"11 for sentiment", "POST", goodQuery, "key one", task("SentimentAnalysis", "", docs(11)), 400, "InvalidRequest", "InvalidDocumentBatch", "10"},
		{"11 for key phrases", "POST", goodQuery, "key one", task("KeyPhraseExtraction", "", docs(11)), 400, "InvalidRequest", "InvalidDocumentBatch", "10"},
		{"6 for personal data", "POST", goodQuery, "key one", task("PiiEntityRecognition", "", docs(6)), 400, "InvalidRequest", "InvalidDocumentBatch", "5"},
		{"126,000 characters", "POST", goodQuery, "key one", task("LanguageDetection", "", strings.ReplaceAll(docs(126), `"x"`, `"`+strings.Repeat("y", 1000)+`"`)), 400, "InvalidRequest", "InvalidDocumentBatch", "126000"},
		{"model", "POST", goodQuery, "key one", task("LanguageDetection", `"modelVersion":"2019-10-01"`, docs(1)), 400, "InvalidRequest", "ModelVersionIncorrect", "2019-10-01"},
		{"opinion mining", "POST", goodQuery, "key one", task("SentimentAnalysis", `"opinionMining":true`, docs(1)), 400, "InvalidRequest", "InvalidParameterValue", "opinionMining"},
		{"phi", "POST", goodQuery, "key one", task("PiiEntityRecognition", `"domain":"phi"`, docs(1)), 400, "InvalidRequest", "InvalidParameterValue", "phi"},
		{"category", "POST", goodQuery, "key one", task("PiiEntityRecognition", `"piiCategories":["Email","Person"]`, docs(1)), 400, "InvalidRequest", "InvalidParameterValue", "Person"},
		{"categories", "POST", goodQuery, "key one", task("PiiEntityRecognition", `"piiCategories":"Email"`, docs(1)), 400, "InvalidRequest", "InvalidParameterValue", "array"},
		{"index type", "POST", goodQuery, "key one", task("SentimentAnalysis", `"stringIndexType":"Utf8CodeUnit"`, docs(1)), 400, "InvalidRequest", "InvalidParameterValue", "Utf8CodeUnit"},
		{"parameter", "POST", goodQuery, "key one", task("KeyPhraseExtraction", `"stringIndexType":"Utf16CodeUnit"`, docs(1)), 400, "InvalidRequest", "InvalidParameterValue", "stringIndexType"},
		{"opt out", "POST", goodQuery, "key one", task("KeyPhraseExtraction", `"loggingOptOut":"yes"`, docs(1)), 400, "InvalidRequest", "InvalidParameterValue", "loggingOptOut"},
	} {
		r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
		if tt.key != "" {
			r.Header.Set("Ocp-Apim-Subscription-Key", tt.key)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var v struct {
			Error struct {
				Code, Message string
				Innererror    struct{ Code, Message string }
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: answer %q: %v", tt.name, w.Body, err)
		}
		e := v.Error
		if w.Code != tt.status || e.Code != tt.code || e.Innererror.Code != tt.inner || w.Header().Get("x-ms-error-code") != tt.code || !strings.Contains(e.Message+e.Innererror.Message, tt.names) {
			t.Errorf("%s: got %d %s, want %d %s %s naming %q", tt.name, w.Code, w.Body, tt.status, tt.code, tt.inner, tt.names)
		}
	}
	w := post(t, h, goodQuery, good, "Content-Type", "text/plain", "Ocp-Apim-Subscription-Key", "key two")
	if w.Code != 415 {
		t.Errorf("text/plain: status %d, want 415", w.Code)
	}
	w = post(t, h, goodQuery, "\ufeff"+good, "Ocp-Apim-Subscription-Key", "key two", "x-ms-client-request-id", "c1")
	if w.Code != 200 || w.Header().Get("x-ms-client-request-id") != "c1" {
		t.Errorf("good request: status %d, headers %v, want 200 and the client's request id", w.Code, w.Header())
	}
}

// TestDocumentErrors: one bad document leaves the others alone.
func TestDocumentErrors(t *testing.T) {
	for _, tt := range []struct{ name, kind, document, inner string }{
		{"missing text", "SentimentAnalysis", `{"id":"x"}`, "InvalidDocument"},
		{"blank text", "KeyPhraseExtraction", `{"id":"x","text":"\u3000\n"}`, "InvalidDocument"},
		{"5,121 text elements", "PiiEntityRecognition", `{"id":"x","text":"` + strings.Repeat("e\u0301", 5121) + `"}`, "InvalidDocument"},
		{"language", "KeyPhraseExtraction", `{"id":"x","text":"a","language":"fi"}`, "UnsupportedLanguageCode"},
		{"language of nobody", "PiiEntityRecognition", `{"id":"x","text":"a","language":"xx"}`, "UnsupportedLanguageCode"},
		{"hint", "LanguageDetection", `{"id":"x","text":"a","countryHint":"USA"}`, "InvalidCountryHint"},
	} {
		body := fmt.Sprintf(`{"kind":%q,"analysisInput":{"documents":[%s,{"id":"good","text":"%s"}]}}`, tt.kind, tt.document, strings.Repeat("e\u0301", 5120))
		w := post(t, NewHandler(Options{}), goodQuery, body)
		var v struct {
			Results struct {
				Documents []struct{ ID string }
				Errors    []struct {
					ID    string
					Error struct {
						Code       string
						Innererror struct{ Code string }
					}
				}
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		r := v.Results
		if w.Code != 200 || len(r.Documents) != 1 || r.Documents[0].ID != "good" || len(r.Errors) != 1 || r.Errors[0].ID != "x" ||
			r.Errors[0].Error.Code != "InvalidArgument" || r.Errors[0].Error.Innererror.Code != tt.inner {
			t.Errorf("%s: got %d %.400s, want document good and error x with %s", tt.name, w.Code, w.Body, tt.inner)
		}
	}
}

// FuzzHandler: any body gets an answer that is JSON, with a status of the
// table, and the same one when it is sent again.
func FuzzHandler(f *testing.F) {
	for _, kind := range []string{"LanguageDetection", "SentimentAnalysis", "KeyPhraseExtraction", "PiiEntityRecognition"} {
		for _, text := range []string{"Ich bin nicht zufrieden, IBAN DE89 3704 0044 0532 0130 00!", "l'app n'est pas bien… ☎ +33 6 12 34 56 78", "e\u0301\u200d👩‍👧🇩🇪 a@b.co 1:2::3", "\u0000\u202e ''--''@@"} {
			b, _ := json.Marshal(map[string]any{"kind": kind, "analysisInput": map[string]any{"documents": []any{map[string]any{"id": "1", "text": text}}}})
			f.Add(b)
		}
	}
	f.Add([]byte(`{"kind":"PiiEntityRecognition","parameters":{"piiCategories":["All"],"stringIndexType":"UnicodeCodePoint"},"analysisInput":{"documents":[{"id":"1","text":"4111111111111111","language":"de"}]}}`))
	h := NewHandler(Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		w := post(t, h, goodQuery, string(body))
		if w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Errorf("%q: status %d, want 200, 400 or 413", body, w.Code)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q: answer %q is no JSON", body, w.Body)
		}
		if again := post(t, h, goodQuery, string(body)); !bytes.Equal(again.Body.Bytes(), w.Body.Bytes()) {
			t.Errorf("%q: answered %s, then %s", body, w.Body, again.Body)
		}
		scoresInRange(t, w.Body.Bytes())
	})
}

// scoresInRange walks an answer for scores and spans that cannot be.
func scoresInRange(t *testing.T, answer []byte) {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for name, e := range v {
				n, isNumber := e.(float64)
				switch name {
				case "confidenceScore", "positive", "neutral", "negative":
					if isNumber && (n < 0 || n > 1) {
						t.Errorf("%s: %s is %v, want 0 to 1", answer, name, n)
					}
				case "offset", "length":
					if isNumber && n < 0 {
						t.Errorf("%s: %s is %v, want 0 or more", answer, name, n)
					}
				}
				walk(e)
			}
		}
	}
	var v any
	if json.Unmarshal(answer, &v) == nil {
		walk(v)
	}
}
