package resourcesrp

import (
	"strings"

	"switchyard/value"
)

// A RoleDefinition is one of Azure's built-in roles.
type RoleDefinition struct {
	ID             string // GUID, the same in every tenant
	Name           string
	Description    string
	Actions        []string
	NotActions     []string
	DataActions    []string
	NotDataActions []string
}

// LookUpRole finds a role by its GUID.
func LookUpRole(id string) (RoleDefinition, bool) {
	for _, d := range roleDefinitions {
		if strings.EqualFold(d.ID, id) {
			return d, true
		}
	}
	return RoleDefinition{}, false
}

func (d RoleDefinition) object(subscription string) *value.Object {
	list := func(s []string) value.Array {
		a := value.Array{}
		for _, x := range s {
			a = append(a, x)
		}
		return a
	}
	return object("id", roleID(subscription, d.ID), "name", d.ID,
		"type", "Microsoft.Authorization/roleDefinitions",
		"properties", object("roleName", d.Name, "type", "BuiltInRole", "description", d.Description,
			"assignableScopes", value.Array{"/"},
			"permissions", value.Array{object("actions", list(d.Actions), "notActions", list(d.NotActions),
				"dataActions", list(d.DataActions), "notDataActions", list(d.NotDataActions))}))
}

func roleID(subscription, id string) string {
	s := "/providers/Microsoft.Authorization/roleDefinitions/" + id
	if subscription != "" {
		s = "/subscriptions/" + subscription + s
	}
	return s
}

var (
	deploy = []string{"Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*",
		"Microsoft.ResourceHealth/availabilityStatuses/read", "Microsoft.Resources/deployments/*",
		"Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Support/*"}
	busReaders = []string{"Microsoft.ServiceBus/*/queues/read", "Microsoft.ServiceBus/*/topics/read",
		"Microsoft.ServiceBus/*/topics/subscriptions/read"}
)

// roleDefinitions are the built-in roles that matter to Service Bus, Data Factory and
// the endpoints that a factory calls.
var roleDefinitions = []RoleDefinition{
	{
		ID: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", Name: "Owner",
		Description: "Manages all resources and may assign roles.",
		Actions:     []string{"*"},
	},
	{
		ID: "b24988ac-6180-42a0-ab88-20f7382dd24c", Name: "Contributor",
		Description: "Manages all resources but may not assign roles.",
		Actions:     []string{"*"},
		NotActions: []string{"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write",
			"Microsoft.Authorization/elevateAccess/Action"},
	},
	{
		ID: "acdd72a7-3385-48ef-bd42-f606fba81ae7", Name: "Reader",
		Description: "Views all resources but changes none.",
		Actions:     []string{"*/read"},
	},
	{
		ID: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", Name: "User Access Administrator",
		Description: "Manages who may access resources.",
		Actions:     []string{"*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"},
	},
	{
		ID: "090c5cfd-751d-490a-894a-3ce6f1109419", Name: "Azure Service Bus Data Owner",
		Description: "Full access to Service Bus resources and messages.",
		Actions:     []string{"Microsoft.ServiceBus/*"}, DataActions: []string{"Microsoft.ServiceBus/*"},
	},
	{
		ID: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", Name: "Azure Service Bus Data Receiver",
		Description: "Receives messages from Service Bus.",
		Actions:     busReaders, DataActions: []string{"Microsoft.ServiceBus/*/receive/action"},
	},
	{
		ID: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", Name: "Azure Service Bus Data Sender",
		Description: "Sends messages to Service Bus.",
		Actions:     busReaders, DataActions: []string{"Microsoft.ServiceBus/*/send/action"},
	},
	{
		ID: "673868aa-7521-48a0-acc6-0f60742d39f5", Name: "Data Factory Contributor",
		Description: "Creates and manages data factories and what is in them.",
		Actions: append([]string{"Microsoft.DataFactory/dataFactories/*", "Microsoft.DataFactory/factories/*",
			"Microsoft.EventGrid/eventSubscriptions/write"}, deploy...),
	},
	{
		ID: "a97b65f3-24c7-4388-baec-2e87135dc908", Name: "Cognitive Services User",
		Description: "Reads and calls Cognitive Services, lists their keys.",
		Actions: []string{"Microsoft.CognitiveServices/*/read",
			"Microsoft.CognitiveServices/accounts/listkeys/action"},
		DataActions: []string{"Microsoft.CognitiveServices/*"},
	},
	{
		ID: "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd", Name: "Cognitive Services OpenAI User",
		Description: "Calls OpenAI models.",
		Actions:     []string{"Microsoft.CognitiveServices/*/read"},
		DataActions: []string{"Microsoft.CognitiveServices/accounts/OpenAI/*/read",
			"Microsoft.CognitiveServices/accounts/OpenAI/*/action"},
	},
}
