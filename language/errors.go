package language

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Codes of the outer error (definition ErrorCode of the 2023-04-01 API). The
// gateway in front of the service answers 401, 404 and 405 with the status as
// code.
const (
	codeInvalidRequest  = "InvalidRequest"
	codeInvalidArgument = "InvalidArgument"
)

// Codes of the inner error (definition InnerErrorCode).
const (
	innerInvalidParameterValue   = "InvalidParameterValue"
	innerInvalidBodyFormat       = "InvalidRequestBodyFormat"
	innerEmptyRequest            = "EmptyRequest"
	innerMissingInputDocuments   = "MissingInputDocuments"
	innerInvalidDocument         = "InvalidDocument"
	innerInvalidDocumentBatch    = "InvalidDocumentBatch"
	innerModelVersionIncorrect   = "ModelVersionIncorrect"
	innerUnsupportedLanguageCode = "UnsupportedLanguageCode"
	innerInvalidCountryHint      = "InvalidCountryHint"
)

// An apiError is one error as the service words it, for a request (Status set)
// or for a document (Status zero).
type apiError struct {
	Status  int         `json:"-"`
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Inner   *innerError `json:"innererror,omitempty"`
}

type innerError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string {
	if e.Inner != nil {
		return fmt.Sprintf("%s: %s (%s: %s)", e.Code, e.Message, e.Inner.Code, e.Inner.Message)
	}
	return e.Code + ": " + e.Message
}

// badRequest is a 400 of the whole request.
func badRequest(inner, format string, args ...any) *apiError {
	message := "Invalid request."
	switch inner {
	case innerInvalidDocument, innerInvalidDocumentBatch, innerMissingInputDocuments:
		message = "Invalid document in request."
	case innerInvalidParameterValue, innerModelVersionIncorrect:
		message = "Invalid parameter in request."
	}
	return &apiError{
		Status:  http.StatusBadRequest,
		Code:    codeInvalidRequest,
		Message: message,
		Inner:   &innerError{inner, fmt.Sprintf(format, args...)},
	}
}

// gateway is an error answered before the request reaches a model.
func gateway(status int, format string, args ...any) *apiError {
	return &apiError{Status: status, Code: fmt.Sprint(status), Message: fmt.Sprintf(format, args...)}
}

// invalidDocument is the error of one document; the others are still analysed.
func invalidDocument(format string, args ...any) *apiError {
	return &apiError{
		Code:    codeInvalidArgument,
		Message: "Invalid document in request.",
		Inner:   &innerError{innerInvalidDocument, fmt.Sprintf(format, args...)},
	}
}

// write sends e as the response. The code is repeated in a header, as the API
// definition says.
func (e *apiError) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("x-ms-error-code", e.Code)
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(struct {
		Error *apiError `json:"error"`
	}{e})
}
