import pulumi
import pulumi_azure_native as azure_native

# This is the resource group where all our resources will reside.
resource_group = azure_native.resources.ResourceGroup("ai_resource_group")

# Create an Azure Service Bus Namespace which is a container for queues, topics, and subscriptions.
service_bus_namespace = azure_native.servicebus.Namespace(
    "ai_servicebus_namespace",
    resource_group_name=resource_group.name,
    sku=azure_native.servicebus.SkuArgs(
        name="Standard" # Choose between Basic, Standard, and Premium tiers.
    ),
    location=resource_group.location
)

# Create a Service Bus Queue that will receive messages to be processed by AI pipeline.
service_bus_queue = azure_native.servicebus.Queue(
    "ai_servicebus_queue",
    resource_group_name=resource_group.name,
    namespace_name=service_bus_namespace.name
)

# Now we will create the Azure Data Factory instance.
data_factory = azure_native.datafactory.Factory(
    "ai_data_factory",
    resource_group_name=resource_group.name,
    location=resource_group.location,
    identity=azure_native.datafactory.FactoryIdentityArgs(
        type="SystemAssigned"
    )
)

# Define a Pipeline that can respond to messages/events from the Service Bus.
data_factory_pipeline = azure_native.datafactory.Pipeline(
    "ai_data_pipeline",
    resource_group_name=resource_group.name,
    factory_name=data_factory.name,
    activities=[]
    # Add a `ForEach` activity here that listens to the Service Bus messages/events.
    # Since Activity specification can be quite detailed, it is not fully shown here.
    # The activity will typically use the Azure Data Factory linked service that connects
    # to the Service Bus namespace and processes each message as needed.
)

# Export the important endpoints so you can access them outside of Pulumi.
pulumi.export("service_bus_namespace_name", service_bus_namespace.name)
pulumi.export("service_bus_queue_name", service_bus_queue.name)
pulumi.export("data_factory_name", data_factory.name)
