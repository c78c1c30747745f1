// Package authtest makes the tokens that clients send, for tests.
package authtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// FormatSAS makes a shared access signature for resource (a URI such as
// sb://host/queue) that is good until expires, whole seconds.
func FormatSAS(resource, keyName, key string, expires time.Time) string {
	sr := url.QueryEscape(resource)
	se := strconv.FormatInt(expires.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(sr + "\n" + se))
	return fmt.Sprintf("SharedAccessSignature sr=%s&sig=%s&se=%s&skn=%s", sr,
		url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))), se, url.PathEscape(keyName))
}
