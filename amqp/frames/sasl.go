package frames

import "switchyard/amqp/encoding"

// SASLMechanisms offers mechanisms (5.3.3.1).
type SASLMechanisms struct {
	Mechanisms []encoding.Symbol
}

// SASLInit chooses a mechanism (5.3.3.2).
type SASLInit struct {
	Mechanism       encoding.Symbol
	InitialResponse []byte // nil: absent
	Hostname        Opt[string]
}

// SASLChallenge asks the client for more (5.3.3.3).
type SASLChallenge struct {
	Challenge []byte
}

// SASLResponse answers a challenge (5.3.3.4).
type SASLResponse struct {
	Response []byte
}

// SASLCode is how a negotiation ended (5.3.3.6).
type SASLCode uint8

// The outcome codes.
const (
	SASLOK      SASLCode = 0
	SASLAuth    SASLCode = 1
	SASLSys     SASLCode = 2
	SASLSysPerm SASLCode = 3
	SASLSysTemp SASLCode = 4
)

// SASLOutcome ends the negotiation (5.3.3.5).
type SASLOutcome struct {
	Code           SASLCode
	AdditionalData []byte // nil: absent
}

// Append adds the frame body to dst.
func (m *SASLMechanisms) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeSASLMechanisms)
	l.symbols(m.Mechanisms)
	return l.end()
}

// Read replaces m by the fields of a sasl-mechanisms.
func (m *SASLMechanisms) Read(f *encoding.Fields) error {
	m.Mechanisms, _ = f.Symbols()
	return f.Err()
}

// Append adds the frame body to dst.
func (i *SASLInit) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeSASLInit)
	l.symbol(i.Mechanism)
	l.binary(i.InitialResponse)
	l.optString(i.Hostname)
	return l.end()
}

// Read replaces i by the fields of a sasl-init. The response is a part of the
// input.
func (i *SASLInit) Read(f *encoding.Fields) error {
	*i = SASLInit{}
	var ok bool
	i.Mechanism, ok = f.Symbol()
	missing(f, "mechanism", ok)
	i.InitialResponse, _ = f.Binary()
	i.Hostname = some(f.String())
	return f.Err()
}

// Append adds the frame body to dst.
func (c *SASLChallenge) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeSASLChallenge)
	l.binary(c.Challenge)
	return l.end()
}

// Read replaces c by the fields of a sasl-challenge.
func (c *SASLChallenge) Read(f *encoding.Fields) error {
	c.Challenge, _ = f.Binary()
	return f.Err()
}

// Append adds the frame body to dst.
func (r *SASLResponse) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeSASLResponse)
	l.binary(r.Response)
	return l.end()
}

// Read replaces r by the fields of a sasl-response. The response is a part of
// the input.
func (r *SASLResponse) Read(f *encoding.Fields) error {
	r.Response, _ = f.Binary()
	return f.Err()
}

// Append adds the frame body to dst. Success has one field, as the live service
// writes it; a failure has both, because a client prints both.
func (o *SASLOutcome) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeSASLOutcome)
	l.ubyte(uint8(o.Code))
	if o.Code != SASLOK || o.AdditionalData != nil {
		l.binary(o.AdditionalData)
	}
	return l.end()
}

// Read replaces o by the fields of a sasl-outcome.
func (o *SASLOutcome) Read(f *encoding.Fields) error {
	*o = SASLOutcome{}
	code, ok := f.Ubyte()
	missing(f, "code", ok)
	o.Code = SASLCode(code)
	o.AdditionalData, _ = f.Binary()
	return f.Err()
}
