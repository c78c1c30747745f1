package main

import (
	"net"

	"switchyard/config"
	"switchyard/identity"
	"switchyard/listen"
)

// exposure reads how other machines reach this one.
func exposure(v *config.Values) (listen.Exposure, error) {
	if v.String("tls-cert") != "" && v.String("tls-key") != "" {
		if err := readable(v, "tls-cert", "tls-key"); err != nil {
			return listen.Exposure{}, err
		}
	}
	x, err := listen.ParseExposure(v.String("listen"), v.String("tls-names"), v.String("tls-cert"), v.String("tls-key"))
	if err == nil && x.Beyond() && identity.Mode(v.String("auth")) == identity.Development {
		err = identity.ErrListenNeedsStrict
	}
	if err != nil {
		return x, &config.UsageError{Msg: err.Error()}
	}
	return x, nil
}

// readable refuses files that settings name and that can't be read, before what reads them
// says it in the words of the system.
func readable(v *config.Values, names ...string) error {
	for _, name := range names {
		if file := v.String(name); file != "" {
			if _, err := config.ReadFile(name, file); err != nil {
				return err
			}
		}
	}
	return nil
}

// addresses are those of the Service Bus and the HTTP ports: of another host only their
// port can be told.
func addresses(v *config.Values, x listen.Exposure) (bus, web string, err error) {
	if !x.Address.IsValid() {
		return v.String("amqp-address"), v.String("http-address"), nil
	}
	at := func(name, port string) string {
		if v.IsSet(name) || port == "" {
			host, p, splitErr := net.SplitHostPort(v.String(name))
			switch {
			case splitErr != nil:
				err = &config.UsageError{Msg: name + ": " + v.String(name) + " is not HOST:PORT"}
			case v.IsSet(name) && host != "" && host != x.Address.String():
				err = &config.UsageError{Msg: name + ": with listen only its port can be told, as in :" + p}
			}
			port = p
		}
		return net.JoinHostPort(x.Address.String(), port)
	}
	busPort := ""
	if x.Beyond() {
		busPort = listen.AMQPSPort
	}
	return at("amqp-address", busPort), at("http-address", ""), err
}
