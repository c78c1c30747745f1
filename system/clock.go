package system

import (
	"time"

	"switchyard/amqp/amqpnet"
	"switchyard/broker"
	"switchyard/pipeline/activity"
)

// timer is a time.Timer behind the interfaces of the packages.
type timer struct{ *time.Timer }

func (t timer) C() <-chan time.Time { return t.Timer.C }

// The packages declare the clocks they need; these are the one real clock in the
// types of each.
type (
	brokerClock   struct{}
	activityClock struct{}
	netClock      struct{}
)

func (brokerClock) Now() time.Time                            { return time.Now() }
func (brokerClock) NewTimer(d time.Duration) broker.Timer     { return timer{time.NewTimer(d)} }
func (activityClock) Now() time.Time                          { return time.Now() }
func (activityClock) NewTimer(d time.Duration) activity.Timer { return timer{time.NewTimer(d)} }
func (netClock) Now() time.Time                               { return time.Now() }
func (netClock) NewTimer(d time.Duration) amqpnet.Timer       { return timer{time.NewTimer(d)} }
