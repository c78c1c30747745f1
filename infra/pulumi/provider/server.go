package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"switchyard/infra/pulumi/provider/armclient"
)

// Server answers the engine. One serves one engine at a time, and one configuration
// of it: a call does not say of which provider of a program it is, so two that are
// configured differently can't be kept apart, and the second is refused.
type Server struct {
	pulumirpc.UnimplementedResourceProviderServer

	log *slog.Logger
	env func(string) string

	mu      sync.Mutex // guards what follows
	client  *armclient.Client
	engine  string            // address of the engine that attached last
	set     map[string]string // what that engine configured; nil: nothing yet
	where   string            // default location
	stopped context.Context   // ends every call under way when stop is called
	stop    context.CancelFunc
}

// Options has what a Server takes from its surroundings.
type Options struct {
	Logger *slog.Logger
	Getenv func(string) string // reads ARM_…; nil reads nothing
}

// New makes a server that is not configured yet.
func New(o Options) *Server {
	s := &Server{log: o.Logger, env: o.Getenv}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.env == nil {
		s.env = func(string) string { return "" }
	}
	s.renew()
	return s
}

// renew lets calls run again after a Cancel: one server outlives many engines.
func (s *Server) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped == nil || s.stopped.Err() != nil {
		s.stopped, s.stop = context.WithCancel(context.Background())
	}
}

// cancel ends every call under way.
func (s *Server) cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

// GetPluginInfo tells the version, which is none of the vendor's.
func (s *Server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: Version}, nil
}

// Handshake tells what the protocol's newer engines ask first.
func (s *Server) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (
	*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true, AcceptResources: false,
		AcceptOutputs: false, SupportsAutonamingConfiguration: true}, nil
}

// Attach is called by an engine that was told to use a running provider.
func (s *Server) Attach(_ context.Context, req *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	s.renew()
	s.mu.Lock()
	if req.GetAddress() != s.engine {
		s.engine, s.set = req.GetAddress(), nil
	}
	s.mu.Unlock()
	s.log.Info("an engine attached to "+Name, "engine", req.GetAddress(), "version", Version)
	return &emptypb.Empty{}, nil
}

// Cancel ends the calls under way and refuses others until an engine attaches.
func (s *Server) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	s.log.Info("cancelled by the engine")
	s.cancel()
	return &emptypb.Empty{}, nil
}

// GetSchema answers a schema without resources: programs in Go, Node, Python and
// .NET need none, YAML programs and generated import code are not supported.
func (s *Server) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (
	*pulumirpc.GetSchemaResponse, error) {
	return &pulumirpc.GetSchemaResponse{
		Schema: fmt.Sprintf(`{"name":%q,"version":%q,"displayName":%q,"description":%q}`,
			pkg, Version, Name,
			"Maps azure-native resources to a running Switchyard. Not the vendor's provider.")}, nil
}

// GetMapping has nothing to offer to converters.
func (s *Server) GetMapping(context.Context, *pulumirpc.GetMappingRequest) (
	*pulumirpc.GetMappingResponse, error) {
	return &pulumirpc.GetMappingResponse{}, nil
}

// GetMappings has nothing to offer to converters.
func (s *Server) GetMappings(context.Context, *pulumirpc.GetMappingsRequest) (
	*pulumirpc.GetMappingsResponse, error) {
	return &pulumirpc.GetMappingsResponse{}, nil
}

// arm is the client that Configure made.
func (s *Server) arm() (*armclient.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil, status.Error(codes.FailedPrecondition, Name+" is not configured")
	}
	return s.client, nil
}

func (s *Server) location() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.where
}

// call derives the context of one call: it ends with the engine's, after the
// resource's timeout in seconds (0: none), and when the server is cancelled.
func (s *Server) call(ctx context.Context, timeout float64) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	stopped := s.stopped
	s.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	end := func() { cancel(errors.New("cancelled by the engine")) }
	if stopped.Err() != nil {
		end() // AfterFunc would do it on another goroutine, which may come too late
	}
	undo := context.AfterFunc(stopped, end)
	done := func() { undo(); cancel(nil) }
	if timeout > 0 {
		timed, end := context.WithTimeout(ctx, seconds(timeout))
		return timed, func() { end(); done() }
	}
	return ctx, done
}

// answer makes an error of the protocol; the text is all that people see.
func answer(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	code := codes.Unknown
	var e *armclient.Error
	switch {
	case armclient.IsNotFound(err):
		code = codes.NotFound
	case errors.As(err, &e) && e.Status < 500:
		code = codes.InvalidArgument
	}
	return status.Error(code, err.Error())
}
