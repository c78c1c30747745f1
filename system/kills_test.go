package system

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"switchyard/client"
	"switchyard/deploy"
	"switchyard/system/killtest"
)

// killedVar has a process of this test binary serve a data directory, with the folder that is
// its argument, until it is killed.
const killedVar = "SWITCHYARD_KILLED"

// serveKilled is that process. It prints a line when everything is ready.
func serveKilled(dir, folder string) {
	d, diags := deploy.Read(os.DirFS(folder), "killed", deploy.Mode{Strict: true})
	err := diags.Err()
	if err == nil {
		_, err = Start(context.Background(), Options{DataDir: dir, Deployments: []*deploy.Deployment{d}, Strict: true,
			Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

// TestRunsOutliveKills: torture.TestKillRuns has more of each.
func TestRunsOutliveKills(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	start := func(folder string) (client.Endpoints, func()) {
		cmd := exec.Command(os.Args[0], folder)
		cmd.Env = append(os.Environ(), killedVar+"="+data)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		kill := func() {
			cmd.Process.Kill()
			cmd.Wait()
		}
		t.Cleanup(kill)
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("the process says %q, %v", line, err)
		}
		e, err := client.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		return e, kill
	}
	killtest.Load{Items: 400, Turns: 40, Children: 8, Kills: 6, Seed: 1}.Run(t, start)
}
