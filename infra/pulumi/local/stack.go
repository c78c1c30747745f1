package local

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/provider"
)

// Pulumi is an engine with the local provider attached and a state of its own.
type Pulumi struct {
	Env map[string]string // for processes that run the engine

	engine string
	dir    string
	stop   context.CancelFunc
	done   chan struct{}
}

// Attach serves the local provider in this process, configured by env, to the
// engine in the folder engine; the state is kept below dir. Stop ends it.
func Attach(dir, engine string, env map[string]string, log *slog.Logger) (*Pulumi, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"state", "home", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			l.Close()
			return nil, err
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Pulumi{engine: engine, dir: dir, stop: stop, done: make(chan struct{}), Env: map[string]string{
		"PULUMI_BACKEND_URL":                          "file://" + filepath.ToSlash(filepath.Join(dir, "state")),
		"PULUMI_HOME":                                 filepath.Join(dir, "home"),
		"PULUMI_CONFIG_PASSPHRASE":                    "local",
		"PULUMI_SKIP_UPDATE_CHECK":                    "true",
		"PULUMI_DEBUG_PROVIDERS":                      fmt.Sprintf("azure-native:%d", l.Addr().(*net.TCPAddr).Port),
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
	}}
	for k, v := range env {
		p.Env[k] = v
	}
	s := provider.New(provider.Options{Logger: log, Getenv: func(k string) string { return env[k] }})
	go func() { // owned by Stop
		defer close(p.done)
		if err := provider.Serve(ctx, l, s); err != nil {
			log.Error("local provider", "err", err)
		}
	}()
	return p, nil
}

// Stop ends the provider.
func (p *Pulumi) Stop() {
	p.stop()
	<-p.done
}

// Bin is the folder of the engine's program.
func (p *Pulumi) Bin() string { return filepath.Join(p.engine, "bin") }

// Stack is a stack of an inline program: the engine runs as a process and calls
// back for the program, so that it needs no language host.
func (p *Pulumi) Stack(ctx context.Context, project, name string, program pulumi.RunFunc) (
	auto.Stack, error) {
	engine, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: p.engine})
	if err != nil {
		return auto.Stack{}, err
	}
	work := filepath.Join(p.dir, "work", project)
	if err := os.MkdirAll(work, 0o700); err != nil {
		return auto.Stack{}, err
	}
	return auto.UpsertStackInlineSource(ctx, name, project, program,
		auto.Pulumi(engine), auto.WorkDir(work), auto.PulumiHome(filepath.Join(p.dir, "home")), auto.EnvVars(p.Env),
		auto.Project(workspace.Project{Name: tokens.PackageName(project),
			Runtime: workspace.NewProjectRuntimeInfo("go", nil),
			Backend: &workspace.ProjectBackend{URL: p.Env["PULUMI_BACKEND_URL"]}}))
}
