// Command local-provider serves Switchyard's local provider to Pulumi engines on
// this machine. It prints its port; an engine finds it with
//
//	PULUMI_DEBUG_PROVIDERS=azure-native:PORT
//
// Its configuration is the vendor's: ARM_METADATA_HOSTNAME and the other variables
// that `switchyard env` prints, read from the environment or from the stack.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"switchyard/infra/pulumi/provider"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 takes a free one")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(),
			"%s for Pulumi, version %s: serves azure-native resources of a running Switchyard.\n"+
				"It prints its port; set PULUMI_DEBUG_PROVIDERS=azure-native:PORT for the engine.\n\n",
			provider.Name, provider.Version)
		flag.PrintDefaults()
	}
	flag.Parse()
	// An engine that starts a plugin itself passes its own address; nothing needs it.
	if err := run(*port); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(port int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	log.Info(provider.Name+" (not the vendor's) serves azure-native",
		"address", l.Addr().String(), "version", provider.Version)
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	return provider.Serve(ctx, l, provider.New(provider.Options{Logger: log, Getenv: os.Getenv}))
}
