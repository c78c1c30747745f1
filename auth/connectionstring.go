package auth

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// A ConnectionString is what Azure's clients are given to connect with.
type ConnectionString struct {
	// Endpoint is the host, with :port if there is one.
	Endpoint string
	// KeyName and Key name a rule; or Signature is a ready-made token.
	KeyName, Key string
	Signature    string
	// EntityPath is the one queue the string is for; empty: none in particular.
	EntityPath string
	// Emulator tells clients to connect without TLS.
	Emulator bool
}

// ParseConnectionString reads the form
//
//	Endpoint=sb://host[:port];SharedAccessKeyName=…;SharedAccessKey=…
//	  [;EntityPath=…][;UseDevelopmentEmulator=true]
//
// with the parts in any order and their names in any case, or with
// SharedAccessSignature in place of name and key. Errors wrap
// [ErrConnectionString], name the part and never show a key.
func ParseConnectionString(s string) (ConnectionString, error) {
	var c ConnectionString
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || value == "" {
			return ConnectionString{}, fmt.Errorf("%w: %.40q has no value", ErrConnectionString, name)
		}
		name = strings.ToLower(name)
		if seen[name] {
			return ConnectionString{}, fmt.Errorf("%w: %q is given twice", ErrConnectionString, name)
		}
		seen[name] = true
		var err error
		switch name {
		case "endpoint":
			c.Endpoint, err = parseEndpoint(value)
		case "sharedaccesskeyname":
			c.KeyName = value
		case "sharedaccesskey":
			c.Key = value
		case "sharedaccesssignature":
			c.Signature = value
		case "entitypath":
			c.EntityPath = strings.Trim(value, "/")
		case "usedevelopmentemulator":
			c.Emulator, err = strconv.ParseBool(strings.ToLower(value))
		default:
			err = fmt.Errorf("it is not known")
		}
		if err != nil {
			return ConnectionString{}, fmt.Errorf("%w: part %.40q: %w", ErrConnectionString, name, err)
		}
	}
	switch {
	case c.Endpoint == "":
		return ConnectionString{}, fmt.Errorf("%w: it has no Endpoint", ErrConnectionString)
	case (c.KeyName == "") != (c.Key == ""):
		return ConnectionString{}, fmt.Errorf("%w: SharedAccessKeyName and SharedAccessKey need each other",
			ErrConnectionString)
	case (c.Key == "") == (c.Signature == ""):
		return ConnectionString{}, fmt.Errorf("%w: it needs either SharedAccessKey or SharedAccessSignature",
			ErrConnectionString)
	}
	return c, nil
}

func parseEndpoint(s string) (string, error) {
	if !strings.Contains(s, "://") {
		s = "sb://" + s
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", fmt.Errorf("it is not a URI")
	case u.Scheme != "sb" && u.Scheme != "amqp" && u.Scheme != "amqps":
		return "", fmt.Errorf("its scheme %q is not sb, amqp or amqps", u.Scheme)
	case u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		u.Fragment != "":
		return "", fmt.Errorf("it must be sb://host[:port]")
	}
	return u.Host, nil
}

// Format writes the connection string, with its key in clear, as clients and
// [ParseConnectionString] read it.
func (c ConnectionString) Format() string {
	var b strings.Builder
	part := func(name, value string) {
		if value == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(';')
		}
		b.WriteString(name + "=" + value)
	}
	part("Endpoint", "sb://"+c.Endpoint)
	part("SharedAccessKeyName", c.KeyName)
	part("SharedAccessKey", c.Key)
	part("SharedAccessSignature", c.Signature)
	part("EntityPath", c.EntityPath)
	if c.Emulator {
		part("UseDevelopmentEmulator", "true")
	}
	return b.String()
}

// String writes the connection string without its secrets.
func (c ConnectionString) String() string {
	if c.Key != "" {
		c.Key = "****"
	}
	if c.Signature != "" {
		c.Signature = "****"
	}
	return c.Format()
}

// GoString writes the connection string without its secrets.
func (c ConnectionString) GoString() string { return c.String() }
