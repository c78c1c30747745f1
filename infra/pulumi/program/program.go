// Package program is the reference system as a Pulumi program: a Service Bus
// namespace whose queue takes support tickets, and a data factory whose pipeline
// asks a language model about each and sends what it found to a queue of results.
//
// It deploys to a running Switchyard or to Azure. One value chooses, Config.Target,
// and two things differ: what starts the pipeline, and how messages are received,
// sent and settled. Switchyard has a trigger and activities for that; Azure has a
// schedule, and Web activities that speak to the namespace's HTTP API with the
// factory's identity.
package program

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/program/azure"
)

// System is what a stack consists of.
type System struct {
	Group        *azure.ResourceGroup
	Namespace    *azure.Namespace
	Tickets      *azure.Queue // what the pipeline answers
	Results      *azure.Queue // its answers
	Topic        *azure.Topic // nil in the Basic tier
	Subscription *azure.Subscription
	Clients      *azure.NamespaceAuthorizationRule
	Factory      *azure.Factory
	Bus, Model   *azure.Child // linked services
	Roles        []pulumi.Resource
	Pipeline     *azure.Pipeline
	Trigger      *azure.Child

	// start makes a trigger of Azure's run; startByHooks, except where there is no
	// engine to have hooks.
	start func(*pulumi.Context) (pulumi.ResourceOption, error)
}

// Deploy declares the system as the stack's configuration says.
func Deploy(ctx *pulumi.Context) error { return deploy(ctx, &System{start: startByHooks}) }

func deploy(ctx *pulumi.Context, s *System) error {
	c, err := ReadConfig(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(*pulumi.Context, Config) error{
		s.bus, s.factory, s.roles, s.pipeline, s.trigger} {
		if err := step(ctx, c); err != nil {
			return err
		}
	}
	s.export(ctx, c)
	return nil
}

// export names what other programs need to know.
func (s *System) export(ctx *pulumi.Context, c Config) {
	ctx.Export("target", pulumi.String(c.Target))
	ctx.Export("resource_group_name", s.Group.Name)
	ctx.Export("service_bus_namespace_name", s.Namespace.Name)
	ctx.Export("service_bus_queue_name", s.Tickets.Name)
	ctx.Export("service_bus_results_queue_name", s.Results.Name)
	ctx.Export("service_bus_connection_string",
		azure.PrimaryConnectionString(ctx, s.Group, s.Namespace, s.Clients))
	ctx.Export("data_factory_name", s.Factory.Name)
	ctx.Export("pipeline_name", s.Pipeline.Name)
	ctx.Export("trigger_name", s.Trigger.Name)
}
