package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxTokenLength bounds what the parser reads. Real tokens have 150 to 500
// bytes.
const maxTokenLength = 8 << 10

const sasPrefix = "SharedAccessSignature"

// A SAS is a parsed shared access signature.
type SAS struct {
	// KeyName is the name of the rule that signed it.
	KeyName string
	// Resource is what it was signed for.
	Resource Resource
	// Expires is the second from which it is no longer good.
	Expires time.Time

	signed    string // string-to-sign: raw sr, newline, raw se
	signature []byte // base64 text
}

// IsSAS reports whether a token is meant to be a shared access signature.
func IsSAS(token string) bool {
	prefix, _, ok := strings.Cut(token, " ")
	return ok && strings.EqualFold(prefix, sasPrefix)
}

// ParseSAS reads a token of [SB-AMQP 4.4]:
//
//	SharedAccessSignature sr=<resource>&sig=<base64>&se=<unix seconds>&skn=<key name>
//
// with the fields percent-encoded and in any order. The prefix is compared
// ignoring case. Errors wrap [ErrMalformed].
func ParseSAS(token string) (*SAS, error) {
	if len(token) > maxTokenLength {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, maxTokenLength)
	}
	if !IsSAS(token) {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, sasPrefix)
	}
	_, fields, _ := strings.Cut(token, " ")
	raw := map[string]string{}
	for field := range strings.SplitSeq(fields, "&") {
		name, value, ok := strings.Cut(field, "=")
		switch name {
		case "sr", "sig", "se", "skn":
		default:
			return nil, fmt.Errorf("%w: unknown field %.40q", ErrMalformed, name)
		}
		if _, twice := raw[name]; twice || !ok || value == "" {
			return nil, fmt.Errorf("%w: field %q is empty or given twice", ErrMalformed, name)
		}
		raw[name] = value
	}
	if len(raw) != 4 {
		return nil, fmt.Errorf("%w: it needs the fields sr, sig, se and skn", ErrMalformed)
	}

	// PathUnescape decodes %xx and leaves '+' alone, which base64 needs.
	var decoded [3]string
	for i, name := range []string{"sr", "sig", "skn"} {
		s, err := url.PathUnescape(raw[name])
		if err != nil {
			return nil, fmt.Errorf("%w: field %q: %w", ErrMalformed, name, err)
		}
		decoded[i] = s
	}
	seconds, err := strconv.ParseUint(raw["se"], 10, 40)
	if err != nil {
		return nil, fmt.Errorf("%w: field \"se\" %.40q is not a number of seconds", ErrMalformed, raw["se"])
	}
	resource, err := ParseResource(decoded[0])
	if err != nil {
		return nil, err
	}
	return &SAS{
		KeyName:   decoded[2],
		Resource:  resource,
		Expires:   time.Unix(int64(seconds), 0).UTC(),
		signed:    raw["sr"] + "\n" + raw["se"],
		signature: []byte(decoded[1]),
	}, nil
}

// Verify reports whether key made the signature. The key is text: its UTF-8
// bytes are the secret, also where they look like base64. Verify looks at
// neither the time nor the resource.
func (s *SAS) Verify(key string) bool {
	return key != "" && hmac.Equal(s.signature, sign(s.signed, key))
}

func sign(text, key string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.AppendEncode(nil, mac.Sum(nil))
}
