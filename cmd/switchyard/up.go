package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"switchyard/client"
	"switchyard/compute"
	"switchyard/config"
	"switchyard/deploy"
	"switchyard/identity"
	"switchyard/pipeline"
	"switchyard/pipeline/fence"
	"switchyard/system"
)

// goProcessors is the variable by which every Go program is told how many processors it uses.
const goProcessors = "GOMAXPROCS"

// options makes the options of a serving Switchyard from its settings.
func options(ctx context.Context, e *env, v *config.Values) (system.Options, error) {
	log, err := e.logger(v)
	if err != nil {
		return system.Options{}, err
	}
	if err := readable(v, "key-file"); err != nil {
		return system.Options{}, err
	}
	apps, err := applications(v)
	if err != nil {
		return system.Options{}, err
	}
	allow, err := allowedHosts(v)
	if err != nil {
		return system.Options{}, err
	}
	x, err := exposure(v)
	if err != nil {
		return system.Options{}, err
	}
	busAddress, webAddress, err := addresses(v, x)
	if err != nil {
		return system.Options{}, err
	}
	compute.Spare(os.Getenv(goProcessors))
	o := system.Options{
		Exposure: x, Auth: identity.Mode(v.String("auth")), Applications: apps, AllowHosts: allow,
		KeyVault: v.String("key-vault"),
		DataDir:  v.String("data"), Ephemeral: ephemeral(v), KeyFile: v.String("key-file"),
		AcceptDataLoss: v.Bool("accept-data-loss"),
		AMQPAddress:    busAddress, AMQPFallback: !v.IsSet("amqp-address") && !x.Beyond(),
		HTTPAddress: webAddress, HTTPFallback: !v.IsSet("http-address") && !x.Beyond(),
		Grace:      max(v.Duration("grace"), 1), // zero would mean the default
		HistoryAge: v.Duration("history-age"), HistorySize: v.Size("history-size"),
		MinFree: minFree(v), Ballast: v.Size("ballast"),
		Strict: v.Bool("strict"), Relaxed: v.Bool("relaxed"), Logger: log, Version: buildVersion(),
		Memory: limitMemory(ctx, v, log), RunMemory: v.Size("run-memory"), RunSize: v.Size("run-size"),
	}
	o.Clients.Connections, o.Clients.Links = v.Int("max-connections"), v.Int("max-links")
	o.Clients.Unsettled, o.Clients.Memory = v.Int("max-unsettled"), v.Size("client-memory")
	o.RequestMemory = v.Size("request-memory")
	return o, nil
}

// minFree is the free space to keep: 0 as the store does by itself, negative for none.
func minFree(v *config.Values) int64 {
	if v.String("min-free") == "0" {
		return -1
	}
	return v.Size("min-free")
}

// ephemeral reports whether a Switchyard keeps nothing. Who names a data directory
// does not mean that, although it may be left over in the environment.
func ephemeral(v *config.Values) bool { return v.Bool("ephemeral") && !v.Beats("data", "ephemeral") }

// allowedHosts reads the hosts that activities may connect to in any case.
func allowedHosts(v *config.Values) ([]string, error) {
	list, err := fence.Parse(v.String("allow-host"))
	if err != nil {
		err = &config.UsageError{Msg: "allow-host: " + err.Error()}
	}
	return list, err
}

// applications reads the registered applications of --auth strict. Without --auth
// the data directory decides whether they are needed.
func applications(v *config.Values) ([]byte, error) {
	switch mode, file := identity.Mode(v.String("auth")), v.String("auth-applications"); {
	case mode == identity.Development && v.Beats("auth", "auth-applications"):
		return nil, nil
	case mode == identity.Development && file != "":
		return nil, &config.UsageError{Msg: identity.ErrNeedsStrict.Error()}
	case mode == identity.Strict && file == "" && ephemeral(v):
		return nil, &config.UsageError{Msg: "--auth strict needs --auth-applications FILE where --ephemeral keeps nothing"}
	case file == "":
		return nil, nil
	default:
		return config.ReadFile("auth-applications", file)
	}
}

// modeOf is how the settings say that folders are read.
func modeOf(v *config.Values) deploy.Mode {
	return deploy.Mode{Strict: v.Bool("strict"), Relaxed: v.Bool("relaxed")}
}

// readDeployment reads a folder. What is wrong in it is told, and the code is then not
// exitOK.
func readDeployment(e *env, fsys fs.FS, name string, mode deploy.Mode) (*deploy.Deployment, int) {
	d, diags := deploy.Read(fsys, name, mode)
	for _, x := range diags {
		if x.Severity == pipeline.SeverityWarning {
			fmt.Fprintln(e.stderr, x)
		}
	}
	if err := diags.Err(); err != nil {
		return nil, e.fail(err)
	}
	return d, exitOK
}

// checkFolder refuses an operand that is no folder.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &config.UsageError{Msg: dir + ": there is no such folder"}
	case err != nil:
		return &config.UsageError{Msg: dir + ": " + config.Unreadable(err)}
	case !info.IsDir():
		return &config.UsageError{Msg: dir + " is not a folder"}
	}
	return nil
}

func readFolder(e *env, dir string, mode deploy.Mode) (*deploy.Deployment, int) {
	if err := checkFolder(dir); err != nil {
		return nil, e.fail(err)
	}
	return readDeployment(e, os.DirFS(dir), dir, mode)
}

func up(ctx context.Context, e *env, v *config.Values, operands []string) int {
	if v.Bool("watch") && len(operands) == 0 {
		return e.fail(&config.UsageError{Msg: "--watch watches a folder, and DIR is missing", CommandLine: true})
	}
	o, err := options(ctx, e, v)
	if err != nil {
		return e.fail(err)
	}
	var deployed [32]byte
	if len(operands) == 1 {
		_, deployed = packFolder(operands[0])
		d, code := readFolder(e, operands[0], modeOf(v))
		if code != exitOK {
			return code
		}
		o.Deployments = []*deploy.Deployment{d}
	}
	if v.Bool("detach") {
		return detach(ctx, e, v, operands)
	}
	ctx, cancel := outliving(ctx)
	defer cancel()
	sys, err := system.Start(ctx, o)
	if err != nil {
		return e.fail(err)
	}
	// Whoever reads it may have stopped reading, which does not keep the server from its
	// end, or have gone, which does not keep it from serving.
	e.serving = true
	printed := make(chan error, 1)
	go func() {
		printed <- printEndpoints(ctx, e, v, client.Server{Endpoints: sys.Endpoints(), Patience: answerPatience})
	}()
	select {
	case err := <-printed:
		if readerGone(err) {
			o.Logger.Info("nobody reads standard output: the endpoints are in the data directory", "file", client.File)
		} else if err != nil {
			sys.Stop()
			return e.fail(err)
		}
		if v.Bool("watch") {
			watch(ctx, e, client.Server{Endpoints: sys.Endpoints()}, operands[0], deployed, modeOf(v))
		}
		<-ctx.Done()
	case <-ctx.Done():
	}
	return stop(e, sys)
}

// stop ends a Switchyard after the first signal and says what it waits for.
func stop(e *env, sys *system.System) int {
	fmt.Fprintf(e.stderr, "switchyard: stopping; this waits %s; a second Ctrl-C ends it at once\n", sys.Waits())
	if err := sys.Stop(); err != nil {
		return e.fail(err)
	}
	return exitOK
}

func printEndpoints(ctx context.Context, e *env, v *config.Values, s client.Server) error {
	list := troublesOf(ctx, s)
	if v.String("output") == "json" {
		return jsonLine(e.stdout, struct {
			client.Endpoints
			Troubles []trouble `json:"troubles,omitempty"`
		}{s.Public(), list})
	}
	var b strings.Builder
	printEndpointsText(&b, s.Endpoints, v.String("data"))
	if len(list) > 0 {
		b.WriteString("\n")
	}
	printTroubles(&b, list)
	_, err := io.WriteString(e.stdout, b.String())
	return err
}

func printEndpointsText(b io.Writer, ep client.Endpoints, data string) {
	fmt.Fprintf(b, "Service Bus  %s\nHTTP         %s\n", ep.AMQP, ep.HTTP)
	hidden := false
	for _, n := range ep.Namespaces {
		shown := n.WithoutKey()
		hidden = hidden || shown != n.ConnectionString
		fmt.Fprintf(b, "\nnamespace %s\n  %s\n", n.Name, shown)
		for _, q := range n.Queues {
			fmt.Fprintf(b, "  queue %s\n", q)
		}
		for _, t := range n.Topics {
			fmt.Fprintf(b, "  topic %s\n", t)
		}
	}
	for _, f := range ep.Factories {
		fmt.Fprintf(b, "\nfactory %s\n", f.Name)
		for _, t := range f.Triggers {
			fmt.Fprintf(b, "  trigger %s\n", t)
		}
	}
	if hidden {
		fmt.Fprintf(b, "\n**** is a key: %s has it, and the Resource Manager's listKeys\n", filepath.Join(data, client.File))
	}
}

func version(_ context.Context, e *env, v *config.Values, _ []string) int {
	ver, commit := build()
	if e.json {
		return e.answer(map[string]string{"version": ver, "commit": commit})
	}
	e.printf("switchyard %s\n", buildVersion())
	return exitOK
}
