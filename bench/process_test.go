// Package bench measures the built program from outside, through what its users
// use: the command line, the Azure SDK over AMQP, and the REST interface. One
// driver measures two builds, so that .ci/bench can compare them whatever has
// changed inside.
//
// SWITCHYARD_BINARY names the program; without it the working tree is built. Each
// benchmark does a fixed amount of work in one iteration: run it with
// -benchtime 1x and read the metric, not ns/op. Data directories are in TMPDIR,
// which has to be on a real disk.
package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// A process is a Switchyard that serves a data directory.
type process struct {
	b   *testing.B
	cmd *exec.Cmd
	log bytes.Buffer
	// Of its endpoints.json.
	AMQP, HTTP, ConnectionString, Token, SubscriptionID string
}

// binary returns the path of the program to measure.
func binary(b *testing.B) string {
	b.Helper()
	if path := os.Getenv("SWITCHYARD_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(b.TempDir(), "switchyard")
	build := exec.Command("go", "build", "-o", path, "switchyard/cmd/switchyard")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// folder writes the files of a folder to deploy and returns its path.
func folder(b *testing.B, files map[string]string) string {
	b.Helper()
	dir := b.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		check(b, os.MkdirAll(filepath.Dir(path), 0o755))
		check(b, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// serve starts the program on a data directory, with a folder to deploy or
// without ("").
func serve(b *testing.B, program, data, folder string) *process {
	b.Helper()
	args := []string{"up", "--data", data, "--amqp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--output", "json", "--log-level", "error"}
	if folder != "" {
		args = append(args, folder)
	}
	p := &process{b: b, cmd: exec.Command(program, args...)}
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	check(b, err)
	check(b, p.cmd.Start())
	b.Cleanup(func() { // after a failure: stop has not been called
		if p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		p.cmd.Wait()
		b.Fatalf("switchyard up: %v: %s", err, p.log.String())
	}
	text, err := os.ReadFile(filepath.Join(data, "endpoints.json"))
	check(b, err)
	check(b, json.Unmarshal(text, p))
	return p
}

// stop ends the program in good order.
func (p *process) stop() {
	p.b.Helper()
	check(p.b, p.cmd.Process.Signal(os.Interrupt))
	if err := p.cmd.Wait(); err != nil {
		p.b.Fatalf("switchyard up ended with %v: %s", err, p.log.String())
	}
}

// client connects with the Azure SDK.
func (p *process) client() *azservicebus.Client {
	p.b.Helper()
	c, err := azservicebus.NewClientFromConnectionString(p.ConnectionString, nil)
	check(p.b, err)
	p.b.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// greet opens an AMQP connection as far as the header that answers.
func (p *process) greet() {
	p.b.Helper()
	c, err := net.Dial("tcp", p.AMQP)
	check(p.b, err)
	defer c.Close()
	_, err = io.WriteString(c, "AMQP\x03\x01\x00\x00")
	check(p.b, err)
	_, err = io.ReadFull(c, make([]byte, 8))
	check(p.b, err)
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
