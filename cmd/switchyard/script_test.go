package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"switchyard": func() { os.Exit(Main(os.Args[1:], &env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr})) },
		"arm-put":    armPut,
		"key-vault":  keyVault,
	})
}

// TestScripts runs the scenarios in testdata/script against the command as a
// process of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, Condition: condition})
}

// condition answers for [network]: that a process may have a network of its own, with
// addresses that are no loopback addresses and that no other machine reaches.
func condition(name string) (bool, error) {
	if name != "network" {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	return exec.Command("unshare", "-rn", "ip", "link", "set", "lo", "up").Run() == nil, nil
}
