package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"switchyard/broker/description"
)

// ErrNoDestination is what an entity is refused with that would forward to a queue or topic
// that is not there.
var ErrNoDestination = errors.New("there is no such queue or topic")

// checkForwards refuses what an entity can't forward to [SB-SEM 1.1]. path is that of the
// entity; old its options, nil if it is new. What it names already it may go on to name,
// for the other may be deleted. It is called with Broker.mu held.
func (n *namespace) checkForwards(path string, o, old *description.Options) error {
	if err := o.CheckForwards(n.name, path); err != nil {
		return invalid(err)
	}
	var before []description.Forward
	if old != nil {
		before = old.Forwards()
	}
	for _, f := range o.Forwards() {
		switch to := strings.ToLower(f.Path); {
		case slices.Contains(before, f):
		case n.options.SKU == SKUBasic:
			return fmt.Errorf("%w: %s can't be chosen in a Basic namespace: it needs Standard or Premium",
				ErrInvalidArgument, f.Property)
		case n.queues[to] == nil && n.topics[to] == nil:
			return fmt.Errorf("%s %q: %w in namespace %s", f.Property, f.Text, ErrNoDestination, n.name)
		}
	}
	return nil
}
