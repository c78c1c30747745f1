"""A Service Bus queue and a data factory with a pipeline."""

import pulumi
import pulumi_azure_native as azure_native

# This is the resource group where all our resources will reside.
resource_group = azure_native.resources.ResourceGroup("ai-resource-group", location="westeurope")

# Names of namespaces and factories may hold hyphens, but no underscores.
service_bus_namespace = azure_native.servicebus.Namespace(
    "ai-servicebus-namespace",
    resource_group_name=resource_group.name,
    location=resource_group.location,
    sku=azure_native.servicebus.SBSkuArgs(name="Standard"),
)

# The queue receives messages to be processed by the pipeline.
service_bus_queue = azure_native.servicebus.Queue(
    "ai-servicebus-queue",
    resource_group_name=resource_group.name,
    namespace_name=service_bus_namespace.name,
)

data_factory = azure_native.datafactory.Factory(
    "ai-data-factory",
    resource_group_name=resource_group.name,
    location=resource_group.location,
    identity=azure_native.datafactory.FactoryIdentityArgs(type="SystemAssigned"),
)

# What the pipeline does with each message stands in the ForEach.
data_factory_pipeline = azure_native.datafactory.Pipeline(
    "ai-data-pipeline",
    resource_group_name=resource_group.name,
    factory_name=data_factory.name,
    parameters={"messages": azure_native.datafactory.ParameterSpecificationArgs(type="Array", default_value=[])},
    activities=[
        azure_native.datafactory.ForEachActivityArgs(
            name="EachMessage",
            type="ForEach",
            items=azure_native.datafactory.ExpressionArgs(type="Expression", value="@pipeline().parameters.messages"),
            activities=[
                azure_native.datafactory.WaitActivityArgs(name="Work", type="Wait", wait_time_in_seconds=1),
            ],
        ),
    ],
)

pulumi.export("service_bus_namespace_name", service_bus_namespace.name)
pulumi.export("service_bus_queue_name", service_bus_queue.name)
pulumi.export("data_factory_name", data_factory.name)
