package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"switchyard/pipeline/fence"
)

// maxText bounds what of an answer, or of an identity's error, is in ours, in bytes.
const maxText = 1000

// unreachable reports a vault, or an identity, that did not answer.
type unreachable struct{ text string }

func (e *unreachable) Error() string { return e.text }

// unreached says why there was no answer.
func unreached(s secret, err error) error {
	var refused *fence.Refused
	var dns *net.DNSError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &dns) && dns.IsNotFound:
		return &unreachable{fmt.Sprintf("there is no host %s: check the vault's name in the baseUrl, and this machine's "+
			"name resolution", s.vault.Host)}
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return &unreachable{fmt.Sprintf("%s did not answer within %v: check the network, a proxy (HTTPS_PROXY), and the "+
			"vault's firewall", s.vault.Host, requestLimit)}
	}
	return &unreachable{fmt.Sprintf("%s can't be reached: %s", s.vault.Host, line(err.Error()))}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// line is a text of several lines as one, cut.
func line(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// answered is a vault's refusal: what it says, and what mends it.
func answered(r *http.Response, body []byte, s secret) error {
	var a struct {
		Error struct {
			Code, Message string
			InnerError    struct{ Code string } `json:"innererror"`
		}
	}
	_ = json.Unmarshal(body, &a) // what is not JSON has no text for us
	code, inner, message := a.Error.Code, a.Error.InnerError.Code, line(a.Error.Message)
	if message == "" {
		message = "the vault answered with status " + strconv.Itoa(r.StatusCode)
	}
	if inner != "" {
		code = strings.TrimPrefix(code+"/"+inner, "/")
	}
	if code != "" {
		message += " [" + code + "]"
	}
	return errors.New(message + ". " + remedy(r.StatusCode, inner, s))
}

// remedy says what to do about an answer.
func remedy(status int, inner string, s secret) string {
	vault, _, _ := strings.Cut(s.vault.Host, ".")
	at := fmt.Sprintf("--vault-name %s --name %s", vault, s.name)
	switch {
	case inner == "SecretDisabled":
		return fmt.Sprintf("Enable it: az keyvault secret set-attributes %s --enabled true.", at)
	case strings.HasPrefix(inner, "ForbiddenByFirewall"), strings.HasPrefix(inner, "ForbiddenByConnection"):
		return "Let the address of this machine through the vault's firewall."
	case status == http.StatusForbidden:
		return "Give the identity that this Switchyard has in Azure the role Key Vault Secrets User on the vault, or in its " +
			"access policy the permission to get secrets."
	case status == http.StatusNotFound && s.version != "":
		return fmt.Sprintf("az keyvault secret list-versions %s lists what is there.", at)
	case status == http.StatusNotFound:
		return fmt.Sprintf("Set it: az keyvault secret set %s --file FILE.", at)
	case status == http.StatusUnauthorized:
		return "The vault does not take the token: check which tenant the identity is of (AZURE_TENANT_ID, or az account show)."
	case status == http.StatusTooManyRequests:
		return "The vault answers too many requests at the moment."
	case status >= http.StatusInternalServerError:
		return "The vault has a problem of its own."
	}
	return "Check the name and the version of the secret."
}

// retryAfter reads when a busy vault wants to be asked again.
func retryAfter(r *http.Response, now time.Time) (time.Duration, bool) {
	text := r.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}
