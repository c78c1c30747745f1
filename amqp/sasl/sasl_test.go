package sasl

import (
	"errors"
	"reflect"
	"testing"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

var errWrong = errors.New("wrong key")

func authenticate(mechanism, authzid, user, password string) error {
	if mechanism == "PLAIN" && user == "rule" && password == "key" && (authzid == "" || authzid == "as") {
		return nil
	}
	return errWrong
}

func TestNegotiation(t *testing.T) {
	ok, refused := &frames.SASLOutcome{Code: frames.SASLOK}, &frames.SASLOutcome{Code: frames.SASLAuth}
	init := func(mechanism encoding.Symbol, response string) frames.Body {
		return &frames.SASLInit{Mechanism: mechanism, InitialResponse: []byte(response)}
	}
	for _, c := range []struct {
		name            string
		auth            func(mechanism, authzid, user, password string) error
		in              []frames.Body
		want            []frames.Body
		mechanism, user string
	}{
		{"Go", nil, []frames.Body{init("ANONYMOUS", "anonymous")}, []frames.Body{ok}, "ANONYMOUS", ""},
		{".NET", nil, []frames.Body{&frames.SASLInit{Mechanism: "MSSBCBS"}}, []frames.Body{ok}, "MSSBCBS", ""},
		{"external", nil, []frames.Body{init("EXTERNAL", "")}, []frames.Body{ok}, "EXTERNAL", ""},
		{"plain", authenticate, []frames.Body{init("PLAIN", "\x00rule\x00key")}, []frames.Body{ok}, "PLAIN", "rule"},
		{"plain with authzid", authenticate, []frames.Body{init("PLAIN", "as\x00rule\x00key")}, []frames.Body{ok}, "PLAIN", "rule"},
		{"plain with a challenge", authenticate, []frames.Body{&frames.SASLInit{Mechanism: "PLAIN"}, &frames.SASLResponse{Response: []byte("\x00rule\x00key")}},
			[]frames.Body{&frames.SASLChallenge{Challenge: []byte{}}, ok}, "PLAIN", "rule"},
		{"plain, wrong key", authenticate, []frames.Body{init("PLAIN", "\x00rule\x00lock")}, []frames.Body{refused}, "", ""},
		{"plain, malformed", authenticate, []frames.Body{init("PLAIN", "rule\x00key")}, []frames.Body{refused}, "", ""},
		{"plain, no user", authenticate, []frames.Body{init("PLAIN", "\x00\x00key")}, []frames.Body{refused}, "", ""},
		{"plain, nobody to ask", nil, []frames.Body{init("PLAIN", "\x00rule\x00key")}, []frames.Body{refused}, "", ""},
		{"unknown mechanism", authenticate, []frames.Body{init("SCRAM-SHA-1", "")}, []frames.Body{refused}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewServer(c.auth)
			for i, in := range c.in {
				got, err := s.Handle(in)
				if err != nil || !reflect.DeepEqual(got, c.want[i]) {
					t.Fatalf("Handle(%+v) = %+v, %v; want %+v", in, got, err, c.want[i])
				}
			}
			if done, good := s.Outcome(); !done || good != (c.mechanism != "") {
				t.Errorf("Outcome() = %v, %v", done, good)
			}
			if m, u := s.Identity(); m != c.mechanism || u != c.user {
				t.Errorf("Identity() = %q, %q; want %q, %q", m, u, c.mechanism, c.user)
			}
			if got, err := s.Handle(c.in[0]); !errors.Is(err, ErrUnexpected) {
				t.Errorf("Handle after the outcome = %+v, %v; want %v", got, err, ErrUnexpected)
			}
		})
	}
}

func TestUnexpectedFrames(t *testing.T) {
	s := NewServer(authenticate)
	for _, in := range []frames.Body{&frames.SASLResponse{}, &frames.SASLOutcome{}, &frames.Open{}} {
		if got, err := s.Handle(in); !errors.Is(err, ErrUnexpected) {
			t.Errorf("Handle(%T) first = %+v, %v; want %v", in, got, err, ErrUnexpected)
		}
	}
	if _, err := s.Handle(&frames.SASLInit{Mechanism: Plain}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Handle(&frames.SASLInit{Mechanism: Anonymous}); !errors.Is(err, ErrUnexpected) {
		t.Errorf("a second sasl-init = %+v, %v; want %v", got, err, ErrUnexpected)
	}
}
