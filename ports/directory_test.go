package ports_test

import (
	"testing"

	"switchyard/ports"
)

// TestFind: which namespace a host name means, through each kind of port.
func TestFind(t *testing.T) {
	const main, own, spare = "127.0.0.1:5672", "127.0.0.1:40001", "127.0.0.1:40002"
	none := ports.Directory{Main: main}
	one := ports.Directory{Main: main, Places: []ports.Place{{"Alpha-1", main}}}
	two := ports.Directory{Main: main, Places: []ports.Place{{"Alpha-1", own}, {"beta-12", main}}}
	free := ports.Directory{Main: main, Places: []ports.Place{{"Alpha-1", own}, {"beta-12", ""}}}
	named := two
	named.Names = []string{"bus.example.com"}
	unserved := ports.Directory{Places: []ports.Place{{"Alpha-1", ""}}}
	for _, c := range []struct {
		d             ports.Directory
		host, through string
		want          string // "": none
	}{
		// A name wins at the Service Bus port and for linked services.
		{two, "alpha-1.servicebus.windows.net", main, "Alpha-1"},
		{two, "ALPHA-1.ServiceBus.Windows.Net", main, "Alpha-1"},
		{two, "alpha-1.localhost", main, "Alpha-1"},
		{two, "alpha-1", main, "Alpha-1"},
		{two, "alpha-1.servicebus.windows.net", "", "Alpha-1"},
		{two, "alpha-1.servicebus.windows.net:5671", "", "Alpha-1"},
		{two, "beta-12", "", "beta-12"},
		// A name is no name elsewhere.
		{two, "alpha-1.example.com", main, "beta-12"},
		{two, "alpha-1.servicebus.chinacloudapi.cn", "", ""},
		// A client that names none means the namespace at the Service Bus port, or the first.
		{two, "127.0.0.1", main, "beta-12"},
		{two, "localhost", main, "beta-12"},
		{two, "", main, "beta-12"},
		{two, "gamma-1.servicebus.windows.net", main, "beta-12"},
		{free, "127.0.0.1", main, "Alpha-1"},
		{none, "127.0.0.1", main, ""},
		// Below a name of the server, where other machines are served.
		{named, "alpha-1.bus.example.com", main, "Alpha-1"},
		{named, "alpha-1.bus.example.com", "", "Alpha-1"},
		{named, "bus.example.com", main, "beta-12"},
		{named, "alpha-1.example.com", main, "beta-12"},
		// A port of one's own means its namespace only.
		{two, "127.0.0.1", own, "Alpha-1"},
		{two, "beta-12.servicebus.windows.net", own, "Alpha-1"},
		{two, "alpha-1", spare, ""},
		{none, "", own, ""},
		// A linked service may hold the address of a namespace.
		{two, own, "", "Alpha-1"},
		{two, main, "", "beta-12"},
		{two, spare, "", ""},
		{two, "127.0.0.1", "", ""},
		{two, "localhost", "", ""},
		{two, "", "", ""},
		{free, main, "", ""},
		// Where there is only one, this machine is enough.
		{one, "localhost", "", "Alpha-1"},
		{one, "localhost:1234", "", "Alpha-1"},
		{one, "127.0.0.1:1234", "", "Alpha-1"},
		{one, "[::1]:1234", "", "Alpha-1"},
		{one, "10.0.0.1", "", ""},
		{one, "gamma-1.servicebus.windows.net", "", ""},
		{unserved, "alpha-1.servicebus.windows.net", "", "Alpha-1"},
		{unserved, "localhost", "", "Alpha-1"},
		{unserved, "", "", ""},
		{none, "localhost", "", ""},
	} {
		got, ok := c.d.Find(c.host, c.through)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%v: host %q through %q means %q, %v; want %q", c.d.Places, c.host, c.through, got, ok, c.want)
		}
	}
}
