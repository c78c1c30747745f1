package program

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/program/azure"
)

// trigger declares what starts the pipeline, started, after all that a run needs.
func (s *System) trigger(ctx *pulumi.Context, c Config) (err error) {
	name, properties := "OnTicket", s.onMessages()
	opts := []pulumi.ResourceOption{s.goesWithFactory(), pulumi.DependsOn(s.Roles)}
	if c.Target == Azure {
		name, properties = "EveryMinute", s.everyMinute()
		hooks, err := s.start(ctx)
		if err != nil {
			return err
		}
		opts = append(opts, hooks)
	}
	s.Trigger, err = azure.NewTrigger(ctx, name, azure.TriggerArgs{
		ResourceGroupName: s.Group.Name,
		FactoryName:       s.Factory.Name,
		TriggerName:       pulumi.String(name),
		Properties:        properties,
	}, opts...)
	return err
}

// run is the reference to the pipeline that a trigger runs.
func (s *System) run(parameters pulumi.Map) pulumi.Array {
	m := pulumi.Map{"pipelineReference": pulumi.Map{"referenceName": s.Pipeline.Name,
		"type": pulumi.String("PipelineReference")}}
	if parameters != nil {
		m["parameters"] = parameters
	}
	return pulumi.Array{m}
}

// onMessages is Switchyard's own trigger. It takes its state from its definition, as
// no trigger of Azure's does.
func (s *System) onMessages() pulumi.Map {
	return pulumi.Map{
		"type": pulumi.String("ServiceBusTrigger"),
		"description": pulumi.String(
			"Starts a run for up to twenty tickets, or for those that came within a second."),
		"runtimeState": pulumi.String("Started"),
		"typeProperties": pulumi.Map{
			"linkedServiceName": pulumi.Map{"referenceName": s.Bus.Name,
				"type": pulumi.String("LinkedServiceReference")},
			"queueName":         s.Tickets.Name,
			"maxMessages":       pulumi.Int(20),
			"maxWaitTime":       pulumi.String("00:00:01"),
			"maxConcurrentRuns": pulumi.Int(4),
		},
		"pipelines": s.run(pulumi.Map{"messages": pulumi.String("@trigger().outputs.body.messages")}),
	}
}

// everyMinute is the shortest schedule that Azure has.
func (s *System) everyMinute() pulumi.Map {
	return pulumi.Map{
		"type":        pulumi.String("ScheduleTrigger"),
		"description": pulumi.String("Data Factory has no trigger for messages: looks for tickets every minute."),
		"recurrence": pulumi.Map{"frequency": pulumi.String("Minute"), "interval": pulumi.Int(1),
			"startTime": pulumi.String("2025-01-01T00:00:00Z"), "timeZone": pulumi.String("UTC")},
		"pipelines": s.run(nil),
	}
}
