package brokertest_test

import (
	"testing"

	"switchyard/broker/brokertest"
)

func TestMemoryStore(t *testing.T) {
	brokertest.TestStore(t, func(t *testing.T) brokertest.Harness {
		s := brokertest.NewStore()
		return brokertest.Harness{Store: s, Log: s}
	})
}
