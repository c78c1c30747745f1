package torture

import (
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// forwardedPart is messages that go through two queues before somebody receives them, the
// first of which may drop what is sent again.
type forwardedPart struct{ queuePart }

func newForwardedPart() part {
	return &forwardedPart{queuePart{newAccount(), "arrived", `{"lockDuration":"PT5S","maxDeliveryCount":1000}`}}
}

func (p *forwardedPart) queues() []partQueue {
	return []partQueue{{p.name, p.properties}, {"onward", `{"forwardTo":"arrived"}`}, {"forwarded", `{"forwardTo":"onward"}`}}
}

func (p *forwardedPart) senders() []worker {
	send := func(l *load, s *server) error {
		return l.sending(s, p.account, "attack-namespace", "forwarded", 100, 20*time.Millisecond, func(id string) *azservicebus.Message {
			return &azservicebus.Message{Body: []byte(id)}
		})
	}
	return []worker{send, send}
}

func (p *forwardedPart) takers() []worker {
	return []worker{func(l *load, s *server) error { return l.receiveAll(s, p.name, p.came, p.complete) }}
}
