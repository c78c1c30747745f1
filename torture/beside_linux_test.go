package torture

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// endpointVariable makes TestEndpoint serve answers of so many bytes.
const endpointVariable = "SWITCHYARD_TORTURE_ENDPOINT"

// TestEndpoint is the process that answers in TestBesideAnswers, and no test of its own.
func TestEndpoint(t *testing.T) {
	size, err := strconv.Atoi(os.Getenv(endpointVariable))
	if err != nil {
		t.Skip("started by TestBesideAnswers")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("http://%s\n", l.Addr())
	text := strings.Repeat("x", size)
	http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"at":%d,"text":"%s"}`, time.Now().UnixNano(), text) // no two are the same
	}))
}

// endpoint starts a process that answers each request with another 3 MiB, and returns its URL.
func endpoint(t *testing.T, cores string) string {
	t.Helper()
	cmd := exec.Command("taskset", "-c", cores, os.Args[0], "-test.run", "TestEndpoint$")
	cmd.Env = append(os.Environ(), endpointVariable+"="+strconv.Itoa(3<<20))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(url)
}

// burn keeps cores busy, each with a process that does nothing else, until stop is called.
func burn(t *testing.T, cores ...string) (stop func()) {
	t.Helper()
	var all []*exec.Cmd
	for _, core := range cores {
		cmd := exec.Command("taskset", "-c", core, "sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	return func() {
		for _, cmd := range all {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
}

// pin lets a process run on some processors only.
func pin(t *testing.T, pid int, cores string) {
	t.Helper()
	if out, err := exec.Command("taskset", "-apc", cores, strconv.Itoa(pid)).CombinedOutput(); err != nil {
		t.Skipf("taskset: %v: %s", err, out)
	}
}

// sendFor sends messages one after the other, with 2 ms between them, and returns how many
// were accepted in a second, and how long the half and 95 % of them took at most.
func (s *server) sendFor(d time.Duration) (perSecond float64, half, most time.Duration) {
	s.t.Helper()
	ctx := context.Background()
	c, err := azservicebus.NewClientFromConnectionString(s.namespace().ConnectionString, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close(ctx)
	sender, err := c.NewSender("beside", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	body := bytes.Repeat([]byte("a"), 200)
	if err := sender.SendMessage(ctx, &azservicebus.Message{Body: body}, nil); err != nil {
		s.t.Fatal(err)
	}
	var took []time.Duration
	for began := time.Now(); time.Since(began) < d; time.Sleep(2 * time.Millisecond) {
		sent := time.Now()
		if err := sender.SendMessage(ctx, &azservicebus.Message{Body: body}, nil); err != nil {
			s.t.Fatal(err)
		}
		took = append(took, time.Since(sent))
	}
	slices.Sort(took)
	return float64(len(took)) / d.Seconds(), took[len(took)/2], took[len(took)*95/100]
}

// TestBesideAnswers measures what a queue does alone, beside programs that compute on the
// same processors, which is its fair share without any fault of this program, and beside
// 1,000 answers of 3 MiB in one ForEach. It asks that the queue goes on in all of them; how
// the figures compare is for who reads them, because other programs decide it too.
func TestBesideAnswers(t *testing.T) {
	torture(t)
	cores, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil || strings.TrimSpace(string(cores)) == "0" {
		t.Skipf("two processors are needed: %q, %v", cores, err)
	}
	tests := []struct {
		name, server, others string
		burn                 []string
	}{
		{"all on two processors", "0,1", "0,1", []string{"0", "1"}},
		{"the server on one, all others on another", "0", "1", []string{"0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url := endpoint(t, tt.others)
			pin(t, os.Getpid(), tt.others)
			t.Cleanup(func() { pin(t, os.Getpid(), strings.TrimSpace(string(cores))) })
			s := box{Memory: 2 << 30, Cores: tt.server}.serve(t, t.TempDir())
			s.prepare()
			s.pipeline("web", memoryAttacks(url)["web"])
			look := func(what string) {
				t.Helper()
				rate, half, most := s.sendFor(6 * time.Second)
				t.Logf("%-13s %4.0f messages a second, half within %s, 95 %% within %s", what, rate,
					half.Round(10*time.Microsecond), most.Round(100*time.Microsecond))
				if rate < 1 {
					t.Errorf("%s: nothing is sent", what)
				}
			}
			for range 2 {
				look("alone")
				stop := burn(t, tt.burn...)
				look("beside others")
				stop()
				id, answer := s.createRun(30*time.Second, "web", "{}")
				if id == "" {
					t.Fatal(answer)
				}
				time.Sleep(2 * time.Second)
				look("beside it")
				s.must("POST", s.id(attackFactory)+"/pipelineruns/"+id+"/cancel"+factoryVersion, "")
				s.wait(id, time.Minute)
			}
		})
	}
}
