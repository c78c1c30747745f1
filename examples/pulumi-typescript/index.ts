// A Service Bus queue and a data factory with a pipeline.
import * as datafactory from "@pulumi/azure-native/datafactory";
import * as resources from "@pulumi/azure-native/resources";
import * as servicebus from "@pulumi/azure-native/servicebus";

const group = new resources.ResourceGroup("ai-resource-group", { location: "westeurope" });

// Names of namespaces and factories may hold hyphens, but no underscores.
const namespace = new servicebus.Namespace("ai-servicebus-namespace", {
  resourceGroupName: group.name,
  location: group.location,
  sku: { name: servicebus.SkuName.Standard },
});

const queue = new servicebus.Queue("ai-servicebus-queue", {
  resourceGroupName: group.name,
  namespaceName: namespace.name,
});

const factory = new datafactory.Factory("ai-data-factory", {
  resourceGroupName: group.name,
  location: group.location,
  identity: { type: "SystemAssigned" },
});

// What the pipeline does with each message stands in the ForEach.
new datafactory.Pipeline("ai-data-pipeline", {
  resourceGroupName: group.name,
  factoryName: factory.name,
  parameters: { messages: { type: "Array", defaultValue: [] } },
  activities: [{
    name: "EachMessage",
    type: "ForEach",
    items: { type: "Expression", value: "@pipeline().parameters.messages" },
    activities: [{ name: "Work", type: "Wait", waitTimeInSeconds: 1 }],
  }],
});

export const serviceBusNamespaceName = namespace.name;
export const serviceBusQueueName = queue.name;
export const dataFactoryName = factory.name;
