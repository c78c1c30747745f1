// Package sasl is the server side of the SASL layer of AMQP 1.0 (part 5 of the
// specification): which mechanisms are offered, and how a client's frames lead
// to an outcome. It reads and writes no bytes; the endpoint does.
//
// ANONYMOUS, EXTERNAL and MSSBCBS let everybody in: such connections prove
// their rights later, by tokens [SB-AMQP 1.3]. PLAIN asks the owner of the
// connection.
package sasl

import (
	"bytes"
	"errors"
	"fmt"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

// The mechanisms.
const (
	MSSBCBS   encoding.Symbol = "MSSBCBS"
	Plain     encoding.Symbol = "PLAIN"
	Anonymous encoding.Symbol = "ANONYMOUS"
	External  encoding.Symbol = "EXTERNAL"
)

// ErrUnexpected says that a client sent a frame that has no place where the
// negotiation stands.
var ErrUnexpected = errors.New("amqp sasl: unexpected frame")

// A Server negotiates one connection.
type Server struct {
	authenticate    func(mechanism, authzid, user, password string) error
	challenged      bool // PLAIN without an initial response: the client owes one
	done, ok        bool
	mechanism, user string
}

// NewServer returns the negotiation of one connection. authenticate checks the
// credentials of PLAIN; if it is nil they are refused.
func NewServer(authenticate func(mechanism, authzid, user, password string) error) *Server {
	return &Server{authenticate: authenticate}
}

// Start returns the frame that opens the negotiation: the mechanisms in the
// order in which the live service offers them.
func (s *Server) Start() *frames.SASLMechanisms {
	return &frames.SASLMechanisms{Mechanisms: []encoding.Symbol{MSSBCBS, Plain, Anonymous, External}}
}

// Handle takes a client's frame and returns the answer to it.
func (s *Server) Handle(body frames.Body) (frames.Body, error) {
	if s.done {
		return nil, fmt.Errorf("%w: %T after the outcome", ErrUnexpected, body)
	}
	switch b := body.(type) {
	case *frames.SASLInit:
		if s.challenged {
			break
		}
		return s.start(b.Mechanism, b.InitialResponse), nil
	case *frames.SASLResponse:
		if !s.challenged {
			break
		}
		return s.plain(b.Response), nil
	}
	return nil, fmt.Errorf("%w: %T", ErrUnexpected, body)
}

// Outcome reports whether the negotiation is over, and how it ended.
func (s *Server) Outcome() (done, ok bool) { return s.done, s.ok }

// Identity returns the mechanism that succeeded and the user it named, which is
// empty except for PLAIN.
func (s *Server) Identity() (mechanism, user string) { return s.mechanism, s.user }

func (s *Server) start(mechanism encoding.Symbol, response []byte) frames.Body {
	switch mechanism {
	case MSSBCBS, Anonymous, External:
		return s.succeed(mechanism, "")
	case Plain:
		if response == nil {
			s.challenged = true
			return &frames.SASLChallenge{Challenge: []byte{}}
		}
		return s.plain(response)
	}
	return s.fail()
}

// plain checks authzid NUL user NUL password (RFC 4616).
func (s *Server) plain(response []byte) frames.Body {
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || s.authenticate == nil {
		return s.fail()
	}
	user := string(parts[1])
	if err := s.authenticate(string(Plain), string(parts[0]), user, string(parts[2])); err != nil {
		return s.fail()
	}
	return s.succeed(Plain, user)
}

func (s *Server) succeed(mechanism encoding.Symbol, user string) frames.Body {
	s.done, s.ok = true, true
	s.mechanism, s.user = string(mechanism), user
	return &frames.SASLOutcome{Code: frames.SASLOK}
}

func (s *Server) fail() frames.Body {
	s.done = true
	return &frames.SASLOutcome{Code: frames.SASLAuth}
}
