package provider

import (
	"context"
	"net"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// maxMessage is the engine's own limit of a message.
const maxMessage = 400 << 20

// Serve answers on l until ctx ends, then waits for the calls under way, which the
// end of ctx cancels.
func Serve(ctx context.Context, l net.Listener, s *Server) error {
	g := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage))
	pulumirpc.RegisterResourceProviderServer(g, s)
	undo := context.AfterFunc(ctx, func() {
		s.cancel()
		g.GracefulStop()
	})
	defer undo()
	return g.Serve(l)
}
