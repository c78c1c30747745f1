package program

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/program/azure"
)

// Audiences of the tokens that the factory's identity asks for in Azure.
const (
	busAudience   = "https://servicebus.azure.net"
	modelAudience = "https://cognitiveservices.azure.com"
)

// Built-in roles.
const (
	roleDataReceiver   = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0" // Azure Service Bus Data Receiver
	roleDataSender     = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39" // Azure Service Bus Data Sender
	roleLanguageReader = "7628b7b8-a8b2-4cdc-b46f-e9b35248918e" // Cognitive Services Language Reader
)

// host is the namespace's host name.
func (s *System) host() pulumi.StringOutput {
	return pulumi.Sprintf("%s.servicebus.windows.net", s.Namespace.Name)
}

// factory declares the data factory and its linked services: the bus and the model.
func (s *System) factory(ctx *pulumi.Context, c Config) (err error) {
	if s.Factory, err = azure.NewFactory(ctx, "ai-data-factory", azure.FactoryArgs{
		ResourceGroupName: s.Group.Name,
		Location:          s.Group.Location,
		Identity:          pulumi.StringMap{"type": pulumi.String("SystemAssigned")},
		GlobalParameters: pulumi.Map{
			"modelEndpoint": pulumi.Map{"type": pulumi.String("String"),
				"value": pulumi.String(strings.TrimRight(c.ModelEndpoint, "/"))},
		},
	}); err != nil {
		return err
	}
	bus, model := restService(pulumi.Sprintf("https://%s", s.host()), busAudience),
		restService(pulumi.String(c.ModelEndpoint), modelAudience)
	if c.Target == Switchyard {
		bus = pulumi.Map{
			"type":           pulumi.String("AzureServiceBus"),
			"typeProperties": pulumi.Map{"fullyQualifiedNamespace": s.host()},
		}
		model = restService(pulumi.String(c.ModelEndpoint), "")
	}
	if s.Bus, err = azure.NewLinkedService(ctx, "Bus", azure.LinkedServiceArgs{
		ResourceGroupName: s.Group.Name, FactoryName: s.Factory.Name,
		LinkedServiceName: pulumi.String("Bus"), Properties: bus,
	}, s.goesWithFactory()); err != nil {
		return err
	}
	s.Model, err = azure.NewLinkedService(ctx, "Model", azure.LinkedServiceArgs{
		ResourceGroupName: s.Group.Name, FactoryName: s.Factory.Name, LinkedServiceName: pulumi.String("Model"),
		Properties: model,
	}, s.goesWithFactory())
	return err
}

// goesWithFactory: what is in a factory is deleted with it. One by one the factory
// would refuse it: a trigger must be stopped first, a pipeline not referred to.
func (s *System) goesWithFactory() pulumi.ResourceOption { return pulumi.DeletedWith(s.Factory) }

// restService is a linked service for an HTTP endpoint, reached with the factory's
// identity unless audience is "".
func restService(url pulumi.StringInput, audience string) pulumi.Map {
	m := pulumi.Map{
		"type":                              pulumi.String("RestService"),
		"url":                               url,
		"enableServerCertificateValidation": pulumi.Bool(true),
		"authenticationType":                pulumi.String("Anonymous"),
	}
	if audience != "" {
		m["authenticationType"] = pulumi.String("ManagedServiceIdentity")
		m["aadResourceId"] = pulumi.String(audience)
	}
	return m
}

// roles lets the factory's identity receive tickets, send results and ask the model.
func (s *System) roles(ctx *pulumi.Context, c Config) error {
	grants := []struct {
		name  string
		scope pulumi.StringInput
		role  string
	}{
		{"factory-receives-tickets", s.Tickets.ID().ToStringOutput(), roleDataReceiver},
		{"factory-sends-results", s.Results.ID().ToStringOutput(), roleDataSender},
	}
	if c.ModelResourceID != "" {
		grants = append(grants, struct {
			name  string
			scope pulumi.StringInput
			role  string
		}{"factory-asks-model", pulumi.String(c.ModelResourceID), roleLanguageReader})
	}
	for _, g := range grants {
		r, err := azure.NewRoleAssignment(ctx, g.name, azure.RoleAssignmentArgs{
			Scope:            g.scope,
			PrincipalId:      s.Factory.PrincipalID(),
			PrincipalType:    pulumi.String("ServicePrincipal"),
			RoleDefinitionId: roleIn(s.Group, g.role),
		})
		if err != nil {
			return err
		}
		s.Roles = append(s.Roles, r)
	}
	return nil
}

// roleIn is the ID of a built-in role in the group's subscription.
func roleIn(group *azure.ResourceGroup, role string) pulumi.StringOutput {
	return group.ID().ApplyT(func(id pulumi.ID) string {
		subscription, _, _ := strings.Cut(string(id), "/resourceGroups/")
		return subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + role
	}).(pulumi.StringOutput)
}
