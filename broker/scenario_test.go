package broker_test

import (
	"flag"
	"testing"

	"switchyard/broker/brokertest"
)

var rewrite = flag.Bool("rewrite", false, "write what happens into the scenario scripts")

func TestScenarios(t *testing.T) { brokertest.RunScripts(t, "testdata/scenario/*.txt", *rewrite) }
