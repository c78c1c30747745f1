# A Service Bus queue and a data factory with a pipeline, in Switchyard or in Azure.
terraform {
  required_providers {
    azapi = {
      source  = "Azure/azapi"
      version = "~> 2.4"
    }
  }
}

# Where it is, and the credentials, come from the environment.
provider "azapi" {}

resource "azapi_resource" "group" {
  type     = "Microsoft.Resources/resourceGroups@2024-03-01"
  name     = "ai-terraform"
  location = "westeurope"
}

resource "azapi_resource" "namespace" {
  type      = "Microsoft.ServiceBus/namespaces@2024-01-01"
  name      = "ai-terraform-bus"
  parent_id = azapi_resource.group.id
  location  = azapi_resource.group.location
  body = {
    sku = { name = "Standard", tier = "Standard" }
  }
}

resource "azapi_resource" "queue" {
  type      = "Microsoft.ServiceBus/namespaces/queues@2024-01-01"
  name      = "tickets"
  parent_id = azapi_resource.namespace.id
  body = {
    properties = { maxDeliveryCount = 5 }
  }
}

resource "azapi_resource" "factory" {
  type      = "Microsoft.DataFactory/factories@2018-06-01"
  name      = "ai-terraform-factory"
  parent_id = azapi_resource.group.id
  location  = azapi_resource.group.location
  identity {
    type = "SystemAssigned"
  }
  body = { properties = {} }
}

# What the pipeline does with each message stands in the ForEach.
resource "azapi_resource" "pipeline" {
  type      = "Microsoft.DataFactory/factories/pipelines@2018-06-01"
  name      = "Process"
  parent_id = azapi_resource.factory.id
  body = {
    properties = {
      parameters = { messages = { type = "Array", defaultValue = [] } }
      activities = [{
        name = "EachMessage"
        type = "ForEach"
        typeProperties = {
          items      = { type = "Expression", value = "@pipeline().parameters.messages" }
          activities = [{ name = "Work", type = "Wait", typeProperties = { waitTimeInSeconds = 1 } }]
        }
      }]
    }
  }
}

output "service_bus_namespace_name" {
  value = azapi_resource.namespace.name
}

output "data_factory_name" {
  value = azapi_resource.factory.name
}
