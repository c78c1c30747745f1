package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/auth"
)

// TestReadyWhenThePortsOpen starts the program a hundred times. Whatever port opens
// first, what is asked there first succeeds, and so do the first requests of the other
// planes, without one of them being tried again.
func TestReadyWhenThePortsOpen(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"q"}]}]}}`
	if err := os.WriteFile(dir+"/Config.json", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	starts := 100
	if testing.Short() {
		starts = 10
	}
	next := make(chan int, starts)
	for i := range starts {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range next {
				err := startAndAsk(t.Context(), program, dir)
				for n := 0; n < 5 && err != nil && strings.Contains(err.Error(), "is in use by another program"); n++ {
					err = startAndAsk(t.Context(), program, dir) // somebody was given the address meanwhile
				}
				if err != nil {
					t.Errorf("start %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}

// startAndAsk starts the program and asks every plane once.
func startAndAsk(ctx context.Context, program, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // only if it hangs
	defer cancel()
	bus, web, err := freeAddresses()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "up", dir, "--ephemeral", "--data", dir+"/none", "--amqp-address", bus,
		"--http-address", web, "--log-level", "error")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir) // what a killed process leaves
	cmd.Args[0] = "switchyard"                    // by which TestMain knows what to be
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	amqp := func() error { return askAMQP(ctx, bus) }
	planes := []func() error{amqp, func() error { return askHTTP(ctx, web) }, func() error { return askARM(ctx, web) }}
	for opened(bus) == opened(web) { // neither, as long as none is seen open
		if opened(bus) || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Millisecond) // leaves the processor to what starts
	}
	if !opened(bus) {
		planes = []func() error{planes[1], planes[2], amqp}
	}
	for _, ask := range planes {
		if err := ask(); err != nil {
			return fmt.Errorf("%w; its log: %s", err, log.String())
		}
	}
	return nil
}

// freeAddresses are two that nothing listens on.
func freeAddresses() (a, b string, err error) {
	one, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer one.Close()
	two, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer two.Close()
	return one.Addr().String(), two.Addr().String(), nil
}

func opened(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func askAMQP(ctx context.Context, address string) error {
	cs := auth.ConnectionString{Endpoint: address, KeyName: auth.DefaultRuleName, Key: auth.DevelopmentKey, Emulator: true}
	c, err := azservicebus.NewClientFromConnectionString(cs.Format(), &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: -1}})
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	s, err := c.NewSender("q", nil)
	if err != nil {
		return err
	}
	if err := s.SendMessage(ctx, &azservicebus.Message{Body: []byte("hello")}, nil); err != nil {
		return fmt.Errorf("AMQP: %w", err)
	}
	return nil
}

func askHTTP(ctx context.Context, address string) error {
	_, err := ask(ctx, http.MethodGet, "http://"+address+"/health", "", "")
	return err
}

func askARM(ctx context.Context, address string) error {
	token, err := armToken(ctx, address)
	if err != nil {
		return err
	}
	answer, err := ask(ctx, http.MethodGet, "http://"+address+"/subscriptions?api-version=2022-12-01", "", token)
	if err == nil && !strings.Contains(string(answer), "subscriptionId") {
		return fmt.Errorf("ARM: %s", answer)
	}
	return err
}

// armToken logs in at the control plane of one that runs in development.
func armToken(ctx context.Context, address string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"any"}, "client_secret": {"any"},
		"scope": {"https://" + address + "/.default"}}
	answer, err := ask(ctx, http.MethodPost, "http://"+address+"/common/oauth2/v2.0/token", form.Encode(), "")
	if err != nil {
		return "", err
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.Unmarshal(answer, &token)
	return token.AccessToken, err
}

// armPut is a command of the scripts: it puts what is below the subscription of the
// environment.
func armPut() {
	address, path, body := os.Getenv("ARM_METADATA_HOSTNAME"), os.Args[1], os.Args[2]
	token, err := armToken(context.Background(), address)
	if err == nil {
		_, err = ask(context.Background(), http.MethodPut,
			"http://"+address+"/subscriptions/"+os.Getenv("ARM_SUBSCRIPTION_ID")+path, body, token)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
}

func ask(ctx context.Context, method, address, body, token string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if token == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", method, address, resp.Status, answer)
	}
	return answer, err
}
