package language

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Limits of the service ("Service limits for Azure AI Language").
const (
	maxTextElements = 5120    // per document
	maxRequestChars = 125_000 // over all documents of a synchronous request
)

// A kind is one analysis. Exactly one of the functions of a document is set.
type kind struct {
	name         string
	maxDocuments int
	// languages are the accepted base codes; nil for LanguageDetection, which
	// takes no language.
	languages []string
	params    []string // accepted members of "parameters"
	analyze   func(p *parameters, d *document) any
}

// kinds in the order in which errors name them. Document counts are those the
// service documents for each feature.
var kinds = []*kind{
	{name: "LanguageDetection", maxDocuments: 1000, params: []string{"modelVersion", "loggingOptOut"},
		analyze: analyzeLanguage},
	{name: "SentimentAnalysis", maxDocuments: 10, languages: lexiconLanguages,
		params:  []string{"modelVersion", "loggingOptOut", "stringIndexType", "opinionMining"},
		analyze: analyzeSentiment},
	{name: "KeyPhraseExtraction", maxDocuments: 10, languages: stopWordLanguages,
		params: []string{"modelVersion", "loggingOptOut"}, analyze: analyzeKeyPhrases},
	{name: "PiiEntityRecognition", maxDocuments: 5, languages: piiLanguages(),
		params:  []string{"modelVersion", "loggingOptOut", "stringIndexType", "domain", "piiCategories"},
		analyze: analyzePii},
}

// Kinds that the service has and this endpoint has not, to tell them from
// misspelt ones.
var otherKinds = []string{"EntityRecognition", "EntityLinking", "DynamicClassification"}

// A task is one valid request.
type task struct {
	kind   *kind
	params parameters
	docs   []*document
}

// parameters of a task. loggingOptOut needs no member: nothing of a request is
// ever logged.
type parameters struct {
	index      indexType
	categories []string // piiCategories; empty: all that are recognised
}

// A document is one input text.
type document struct {
	ID       string
	Text     string
	Language string // as sent; "en" when absent, as the service has it
	Hint     string // countryHint, upper case, two letters or empty

	lang string // normalised base code, set by check
}

// Inputs as they are decoded. Pointers tell absent members from empty ones.
type rawTask struct {
	Kind          *string                    `json:"kind"`
	Parameters    map[string]json.RawMessage `json:"parameters"`
	AnalysisInput *struct {
		Documents []*rawDocument `json:"documents"`
	} `json:"analysisInput"`
}

type rawDocument struct {
	ID          *string `json:"id"`
	Text        *string `json:"text"`
	Language    *string `json:"language"`
	CountryHint *string `json:"countryHint"`
}

// parseTask decodes and checks everything that concerns the whole request. Its
// errors are *apiError.
func parseTask(body []byte) (*task, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, badRequest(innerEmptyRequest, "The request has no body.")
	}
	var raw rawTask
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&raw); err != nil {
		return nil, badRequest(innerInvalidBodyFormat, "The body could not be read: %s.", describe(err))
	}
	if dec.More() {
		return nil, badRequest(innerInvalidBodyFormat, "The body has text after the JSON object.")
	}
	t := &task{}
	var err error
	if t.kind, err = lookupKind(raw.Kind); err != nil {
		return nil, err
	}
	if t.params, err = t.kind.parameters(raw.Parameters); err != nil {
		return nil, err
	}
	if raw.AnalysisInput == nil || len(raw.AnalysisInput.Documents) == 0 {
		return nil, badRequest(innerMissingInputDocuments, "analysisInput.documents is missing or empty.")
	}
	if n := len(raw.AnalysisInput.Documents); n > t.kind.maxDocuments {
		return nil, badRequest(innerInvalidDocumentBatch,
			"The batch has %d documents. %s takes at most %d.", n, t.kind.name, t.kind.maxDocuments)
	}
	t.docs, err = t.kind.documents(raw.AnalysisInput.Documents)
	return t, err
}

// describe words a decoding error without Go's type names.
func describe(err error) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("invalid JSON at offset %d: %s", syntax.Offset, syntax)
	case errors.As(err, &typ):
		if typ.Field == "" {
			return fmt.Sprintf("expected an object, found %s", typ.Value)
		}
		return fmt.Sprintf("member %s cannot be %s", typ.Field, typ.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func lookupKind(name *string) (*kind, error) {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		if name != nil && *name == k.name {
			return k, nil
		}
		names[i] = k.name
	}
	have := strings.Join(names, ", ")
	switch {
	case name == nil || *name == "":
		return nil, badRequest(innerInvalidBodyFormat, "The member kind is missing. Supported: %s.", have)
	case slices.Contains(otherKinds, *name):
		return nil, badRequest(innerInvalidParameterValue,
			"The kind %q is not supported by this endpoint. Supported: %s.", *name, have)
	}
	return nil, badRequest(innerInvalidParameterValue, "The kind %q is unknown. Supported: %s.", *name, have)
}

// parameters checks each member; one that this kind does not take is an error,
// because ignoring it would answer a different question.
func (k *kind) parameters(raw map[string]json.RawMessage) (p parameters, err error) {
	names := make([]string, 0, len(raw))
	for name := range raw {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v := raw[name]
		if !slices.Contains(k.params, name) {
			return p, badRequest(innerInvalidParameterValue,
				"The parameter %q is not supported for %s. Supported: %s.", name, k.name, strings.Join(k.params, ", "))
		}
		if string(v) == "null" {
			continue
		}
		switch name {
		case "modelVersion":
			var s string
			if json.Unmarshal(v, &s) != nil || s != "latest" && s != ModelVersion {
				return p, badRequest(innerModelVersionIncorrect,
					"The modelVersion %s is not available. Use latest or %s.", v, ModelVersion)
			}
		case "loggingOptOut":
			var b bool
			if json.Unmarshal(v, &b) != nil {
				return p, badRequest(innerInvalidParameterValue, "loggingOptOut must be true or false, not %s.", v)
			}
		case "opinionMining":
			var b bool
			if json.Unmarshal(v, &b) != nil || b {
				return p, badRequest(innerInvalidParameterValue,
					"opinionMining %s is not supported by this endpoint; leave it out or false.", v)
			}
		case "domain":
			var s string
			if json.Unmarshal(v, &s) != nil || s != "none" {
				return p, badRequest(innerInvalidParameterValue,
					"The domain %s is not supported by this endpoint; leave it out or none.", v)
			}
		case "stringIndexType":
			var s string
			if json.Unmarshal(v, &s) != nil || !p.index.set(s) {
				return p, badRequest(innerInvalidParameterValue,
					"The stringIndexType %s is unknown. Supported: TextElements_v8, UnicodeCodePoint, Utf16CodeUnit.", v)
			}
		case "piiCategories":
			if p.categories, err = parseCategories(v); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

// documents checks ids and the size of the batch; what is wrong with one text
// is left to check.
func (k *kind) documents(raw []*rawDocument) ([]*document, error) {
	docs := make([]*document, len(raw))
	seen := make(map[string]bool, len(raw))
	total := 0
	for i, r := range raw {
		switch {
		case r == nil:
			return nil, badRequest(innerInvalidDocument, "Document %d is null.", i)
		case r.ID == nil || *r.ID == "":
			return nil, badRequest(innerInvalidDocument, "Document %d has no id.", i)
		case seen[*r.ID]:
			return nil, badRequest(innerInvalidDocument,
				"The document id %q occurs twice. Each document needs an id of its own.", *r.ID)
		case k.languages == nil && r.Language != nil:
			return nil, badRequest(innerInvalidBodyFormat,
				"Document %q has a language; %s takes countryHint.", *r.ID, k.name)
		case k.languages != nil && r.CountryHint != nil:
			return nil, badRequest(innerInvalidBodyFormat,
				"Document %q has a countryHint; %s takes language.", *r.ID, k.name)
		}
		seen[*r.ID] = true
		d := &document{ID: *r.ID, Language: "en"}
		if r.Text != nil {
			d.Text = *r.Text
		}
		if r.Language != nil && *r.Language != "" {
			d.Language = *r.Language
		}
		if r.CountryHint != nil {
			d.Hint = strings.ToUpper(strings.TrimSpace(*r.CountryHint))
		}
		if n := countElements(d.Text, maxTextElements); n <= maxTextElements {
			total += n
		}
		docs[i] = d
	}
	if total > maxRequestChars {
		return nil, badRequest(innerInvalidDocumentBatch,
			"The documents have %d characters together. A request takes at most %d.", total, maxRequestChars)
	}
	return docs, nil
}

// check finds what is wrong with one document; the others are analysed all the
// same, as the service does for synchronous requests.
func (k *kind) check(d *document) *apiError {
	if strings.TrimFunc(d.Text, unicode.IsSpace) == "" {
		return invalidDocument("Document text is empty.")
	}
	if countElements(d.Text, maxTextElements) > maxTextElements {
		return invalidDocument("The document is too large to be processed: it has more than %d text elements.",
			maxTextElements)
	}
	if k.languages == nil {
		if d.Hint != "" && !validHint(d.Hint) {
			return &apiError{Code: codeInvalidArgument, Message: "Invalid Country Hint.",
				Inner: &innerError{innerInvalidCountryHint,
					fmt.Sprintf("The countryHint %q is not a two-letter ISO 3166-1 code.", d.Hint)}}
		}
		return nil
	}
	d.lang = baseCode(d.Language)
	if !slices.Contains(k.languages, d.lang) {
		return &apiError{Code: codeInvalidArgument, Message: "Invalid Language Code.",
			Inner: &innerError{innerUnsupportedLanguageCode,
				fmt.Sprintf("The language code %q is not covered. Supported languages for %s: %s.",
					d.Language, k.name, strings.Join(k.languages, ","))}}
	}
	return nil
}

// validHint accepts what an ISO 3166-1 alpha-2 code looks like.
func validHint(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// baseCode is the primary subtag of a language code, in lower case: en for
// en-US, zh for the service's zh_chs.
func baseCode(s string) string {
	s = strings.ToLower(s)
	if i := strings.IndexAny(s, "-_"); i > 0 {
		s = s[:i]
	}
	if s == "nb" || s == "nn" {
		return "no"
	}
	return s
}

// A response is the answer to a task. Documents hold the types *Result of this
// package's analyses.
type response struct {
	Kind    string  `json:"kind"`
	Results results `json:"results"`
}

type results struct {
	Statistics   *requestStatistics `json:"statistics,omitempty"`
	Documents    []any              `json:"documents"`
	Errors       []documentError    `json:"errors"`
	ModelVersion string             `json:"modelVersion"`
}

type requestStatistics struct {
	Documents    int `json:"documentsCount"`
	Valid        int `json:"validDocumentsCount"`
	Erroneous    int `json:"erroneousDocumentsCount"`
	Transactions int `json:"transactionsCount"`
}

type documentStatistics struct {
	Characters   int `json:"charactersCount"`
	Transactions int `json:"transactionsCount"`
}

// A header begins every document of a result.
type header struct {
	ID         string              `json:"id"`
	Statistics *documentStatistics `json:"statistics,omitempty"`
	Warnings   []warning           `json:"warnings"`
}

func (h *header) head() *header { return h }

type warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type documentError struct {
	ID    string    `json:"id"`
	Error *apiError `json:"error"`
}

// run analyses the documents one after the other. It fails only when ctx ends.
func (t *task) run(ctx context.Context, stats bool) (*response, error) {
	r := results{Documents: []any{}, Errors: []documentError{}, ModelVersion: ModelVersion}
	if stats {
		r.Statistics = &requestStatistics{Documents: len(t.docs)}
	}
	for _, d := range t.docs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if e := t.kind.check(d); e != nil {
			r.Errors = append(r.Errors, documentError{d.ID, e})
			continue
		}
		v := t.kind.analyze(&t.params, d)
		if stats {
			// A text record, the unit of billing, is 1,000 characters.
			n := countElements(d.Text, maxTextElements)
			s := &documentStatistics{n, (n + 999) / 1000}
			v.(interface{ head() *header }).head().Statistics = s
			r.Statistics.Transactions += s.Transactions
		}
		r.Documents = append(r.Documents, v)
	}
	if stats {
		r.Statistics.Valid, r.Statistics.Erroneous = len(r.Documents), len(r.Errors)
	}
	return &response{t.kind.name + "Results", r}, nil
}

// newHeader starts the result of d. Words beyond longWord are not analysed, of
// which the service warns.
func newHeader(d *document) header {
	h := header{ID: d.ID, Warnings: []warning{}}
	if hasLongWord(d.Text) {
		h.Warnings = append(h.Warnings, warning{"LongWordsInDocument",
			fmt.Sprintf("The document has words longer than %d characters; they were left out of the analysis.",
				longWord)})
	}
	return h
}
