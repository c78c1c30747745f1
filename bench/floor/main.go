// Command floor is the floor under the figures of "switchyard bench amqp": the least that a
// durable queue behind this project's AMQP endpoint has to do. What Switchyard takes more than
// this is the price of being a Service Bus; what this takes is that of the endpoint, the socket
// and the disk. It is no product and no part of one.
//
// It has the endpoint, one queue in memory for each address, and one file, to which every message
// and every settlement is appended. One goroutine writes and syncs what has gathered, and only
// then is it answered, or delivered. It has no locks that expire, no delivery counts, no rights, no
// transactions, and it never reads its file: what is in it when it ends is gone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. When it listens it writes its URL as a line.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("floor", flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:0", "where to listen, an `address` of 127.0.0.0/8")
	dir := flags.String("dir", "", "the `directory` of its file, which must not be there yet")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || flags.NArg() > 0 {
		return errors.New("want --dir DIR and at most --listen ADDRESS")
	}
	ln, err := listen(*address)
	if err != nil {
		return err
	}
	defer ln.Close()
	f, err := create(*dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := fmt.Fprintf(stdout, "amqp://%s\n", ln.Addr()); err != nil {
		return fmt.Errorf("tell where it listens: %w", err)
	}
	return newServer(f).serve(ctx, ln)
}

// listen keeps to the machine: whoever connects may do everything.
func listen(address string) (net.Listener, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if !a.Addr().Is4() || !a.Addr().IsLoopback() {
		return nil, fmt.Errorf("--listen: %s is not in 127.0.0.0/8", a.Addr())
	}
	return net.Listen("tcp4", address)
}

// A file is a [disk].
type file struct{ *os.File }

func create(dir string) (file, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return file{}, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "floor.log"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		err = fmt.Errorf("%w: an earlier floor has left it, and nothing reads it; remove it", err)
	}
	return file{f}, err
}
