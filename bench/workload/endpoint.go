package workload

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/go-amqp"

	"switchyard/auth"
)

// An Endpoint is where an AMQP server is and how to log in to it.
type Endpoint struct {
	url  string // without credentials
	sasl amqp.SASLType
}

// ParseEndpoint reads amqp://[user:password@]host[:port], the same with amqps, or a
// connection string of Service Bus. Without user it logs in as nobody, by SASL ANONYMOUS.
// Errors never show a password.
func ParseEndpoint(s string) (Endpoint, error) {
	if strings.Contains(s, ";") || strings.HasPrefix(strings.ToLower(s), "endpoint=") {
		return fromConnectionString(s)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil: // its text shows the password
		return Endpoint{}, errors.New("it is not a URL; what a user or password has of / ? # [ ] @ : % is written as %2F and so on")
	case u.Scheme != "amqp" && u.Scheme != "amqps":
		return Endpoint{}, fmt.Errorf("its scheme %.20q is neither amqp nor amqps, and it is no connection string", u.Scheme)
	case u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return Endpoint{}, errors.New("it must be amqp://[user:password@]host[:port]")
	}
	e := Endpoint{url: u.Scheme + "://" + u.Host, sasl: amqp.SASLTypeAnonymous()}
	if u.User != nil {
		password, _ := u.User.Password()
		e.sasl = amqp.SASLTypePlain(u.User.Username(), password)
	}
	return e, nil
}

func fromConnectionString(s string) (Endpoint, error) {
	cs, err := auth.ParseConnectionString(s)
	if err != nil {
		return Endpoint{}, err
	}
	if cs.Key == "" {
		return Endpoint{}, errors.New("a SharedAccessSignature can't log in by SASL PLAIN: name a key")
	}
	scheme := "amqps"
	if cs.Emulator {
		scheme = "amqp"
	}
	return Endpoint{url: scheme + "://" + cs.Endpoint, sasl: amqp.SASLTypePlain(cs.KeyName, cs.Key)}, nil
}

// String is the URL, without user and password.
func (e Endpoint) String() string { return e.url }

// dial opens a connection with a session.
func (e Endpoint) dial(ctx context.Context) (*amqp.Conn, *amqp.Session, error) {
	conn, err := amqp.Dial(ctx, e.url, &amqp.ConnOptions{SASLType: e.sasl})
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s: %w", e, because(ctx, err))
	}
	s, err := conn.NewSession(ctx, nil)
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("begin a session at %s: %w", e, because(ctx, err))
	}
	return conn, s, nil
}
