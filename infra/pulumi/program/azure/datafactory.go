package azure

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Factory is a data factory.
type Factory struct {
	pulumi.CustomResourceState
	Name     pulumi.StringOutput    `pulumi:"name"`
	Identity pulumi.StringMapOutput `pulumi:"identity"`
}

// FactoryArgs are its inputs. GlobalParameters are objects with type and value.
type FactoryArgs struct {
	ResourceGroupName pulumi.StringInput    `pulumi:"resourceGroupName"`
	FactoryName       pulumi.StringInput    `pulumi:"factoryName"`
	Location          pulumi.StringInput    `pulumi:"location"`
	Identity          pulumi.StringMapInput `pulumi:"identity"`
	GlobalParameters  pulumi.MapInput       `pulumi:"globalParameters"`
	Tags              pulumi.StringMapInput `pulumi:"tags"`
}

// NewFactory declares a data factory.
func NewFactory(ctx *pulumi.Context, name string, args FactoryArgs, opts ...pulumi.ResourceOption) (
	*Factory, error) {
	return register(ctx, "datafactory:Factory", name, args, &Factory{}, opts)
}

// PrincipalID is the principal of the factory's system-assigned identity.
func (f *Factory) PrincipalID() pulumi.StringOutput {
	return f.Identity.MapIndex(pulumi.String("principalId"))
}

// Child is a resource of a factory whose properties are one object: a linked service
// or a trigger.
type Child struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// LinkedServiceArgs are a linked service's inputs. The members of typeProperties
// stand beside type, except in types of Switchyard's own.
type LinkedServiceArgs struct {
	ResourceGroupName pulumi.StringInput `pulumi:"resourceGroupName"`
	FactoryName       pulumi.StringInput `pulumi:"factoryName"`
	LinkedServiceName pulumi.StringInput `pulumi:"linkedServiceName"`
	Properties        pulumi.MapInput    `pulumi:"properties"`
}

// NewLinkedService declares a linked service.
func NewLinkedService(ctx *pulumi.Context, name string, args LinkedServiceArgs,
	opts ...pulumi.ResourceOption) (*Child, error) {
	return register(ctx, "datafactory:LinkedService", name, args, &Child{}, opts)
}

// TriggerArgs are a trigger's inputs; see LinkedServiceArgs for the form.
type TriggerArgs struct {
	ResourceGroupName pulumi.StringInput `pulumi:"resourceGroupName"`
	FactoryName       pulumi.StringInput `pulumi:"factoryName"`
	TriggerName       pulumi.StringInput `pulumi:"triggerName"`
	Properties        pulumi.MapInput    `pulumi:"properties"`
}

// NewTrigger declares a trigger.
func NewTrigger(ctx *pulumi.Context, name string, args TriggerArgs,
	opts ...pulumi.ResourceOption) (*Child, error) {
	return register(ctx, "datafactory:Trigger", name, args, &Child{}, opts)
}

// Pipeline is a pipeline of a factory.
type Pipeline struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// PipelineArgs are its inputs. The members of an activity's typeProperties stand
// beside its type, except in activities of Switchyard's own.
type PipelineArgs struct {
	ResourceGroupName pulumi.StringInput `pulumi:"resourceGroupName"`
	FactoryName       pulumi.StringInput `pulumi:"factoryName"`
	PipelineName      pulumi.StringInput `pulumi:"pipelineName"`
	Description       pulumi.StringInput `pulumi:"description"`
	Concurrency       pulumi.IntInput    `pulumi:"concurrency"`
	Parameters        pulumi.MapInput    `pulumi:"parameters"`
	Activities        pulumi.ArrayInput  `pulumi:"activities"`
}

// NewPipeline declares a pipeline.
func NewPipeline(ctx *pulumi.Context, name string, args PipelineArgs, opts ...pulumi.ResourceOption) (
	*Pipeline, error) {
	return register(ctx, "datafactory:Pipeline", name, args, &Pipeline{}, opts)
}
