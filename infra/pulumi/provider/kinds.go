package provider

import (
	"slices"
	"strings"
)

// Paths of [ARM 13], with the parameters' names as the vendor's SDKs have them.
const (
	group     = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
	namespace = group + "/providers/Microsoft.ServiceBus/namespaces/{namespaceName}"
	topic     = namespace + "/topics/{topicName}"
	factory   = group + "/providers/Microsoft.DataFactory/factories/{factoryName}"
)

// Api-versions that version 3.28 of the vendor's SDKs stands for.
const (
	resourcesVersion     = "2024-03-01"
	serviceBusVersion    = "2026-01-01"
	dataFactoryVersion   = "2018-06-01"
	authorizationVersion = "2022-04-01"
)

// forever is .NET's longest TimeSpan: Service Bus' "never".
const forever = "P10675199DT2H48M5.4775807S"

// words splits a list of names.
func words(s string) []string { return strings.Fields(s) }

// kinds are the resource types; inputs and outputs are those of version 3.28 of
// the vendor's SDKs, defaults those of [ARM 6, 7].
var kinds = []*kind{
	{token: "resources:ResourceGroup", apiVersion: resourcesVersion, path: group,
		name: "resourceGroupName", maxName: 90,
		location: ofItself, inputs: words("location managedBy tags"),
		outputs: words("name type properties"), explicit: true},

	{token: "servicebus:Namespace", apiVersion: serviceBusVersion, path: namespace, name: "namespaceName",
		naming: hyphenName, maxName: 50,
		location: ofGroup,
		inputs: words(`alternateName disableLocalAuth encryption geoDataReplication identity ipAddressType
			location minimumTlsVersion platformCapabilities premiumMessagingPartitions privateEndpointConnections
			publicNetworkAccess sku tags zoneRedundant`),
		outputs: words(
			"createdAt metricId name provisioningState serviceBusEndpoint status systemData type updatedAt"),
		sdk: map[string]any{"publicNetworkAccess": "Enabled"},
		defaults: map[string]any{"disableLocalAuth": false, "minimumTlsVersion": "1.2",
			"premiumMessagingPartitions": 0.0, "zoneRedundant": false,
			"tags": map[string]any{}}},
	{token: "servicebus:Queue", apiVersion: serviceBusVersion, path: namespace + "/queues/{queueName}",
		name: "queueName", maxName: 260,
		inputs: words(`autoDeleteOnIdle deadLetteringOnMessageExpiration defaultMessageTimeToLive
			duplicateDetectionHistoryTimeWindow enableBatchedOperations enableExpress enablePartitioning
			forwardDeadLetteredMessagesTo forwardTo lockDuration maxDeliveryCount maxMessageSizeInKilobytes
			maxSizeInMegabytes requiresDuplicateDetection requiresSession status userMetadata`),
		outputs: words(
			"accessedAt countDetails createdAt location messageCount name sizeInBytes systemData type updatedAt"),
		defaults: map[string]any{
			"autoDeleteOnIdle":                    forever,
			"deadLetteringOnMessageExpiration":    false,
			"defaultMessageTimeToLive":            forever,
			"duplicateDetectionHistoryTimeWindow": "PT10M",
			"enableBatchedOperations":             true,
			"enableExpress":                       false,
			"enablePartitioning":                  false,
			"lockDuration":                        "PT1M",
			"maxDeliveryCount":                    10.0,
			"maxMessageSizeInKilobytes":           256.0,
			"maxSizeInMegabytes":                  1024.0,
			"requiresDuplicateDetection":          false,
			"requiresSession":                     false,
			"status":                              "Active"}},
	{token: "servicebus:Topic", apiVersion: serviceBusVersion, path: topic, name: "topicName", maxName: 260,
		inputs: words(`autoDeleteOnIdle defaultMessageTimeToLive duplicateDetectionHistoryTimeWindow
			enableBatchedOperations enableExpress enablePartitioning maxMessageSizeInKilobytes maxSizeInMegabytes
			requiresDuplicateDetection status supportOrdering userMetadata`),
		outputs: words(
			"accessedAt countDetails createdAt location name sizeInBytes subscriptionCount systemData type updatedAt"),
		defaults: map[string]any{
			"autoDeleteOnIdle":                    forever,
			"defaultMessageTimeToLive":            forever,
			"duplicateDetectionHistoryTimeWindow": "PT10M",
			"enableBatchedOperations":             true,
			"enableExpress":                       false,
			"enablePartitioning":                  false,
			"maxMessageSizeInKilobytes":           256.0,
			"maxSizeInMegabytes":                  1024.0,
			"requiresDuplicateDetection":          false,
			"status":                              "Active",
			"supportOrdering":                     true}},
	{token: "servicebus:Subscription", apiVersion: serviceBusVersion,
		path: topic + "/subscriptions/{subscriptionName}", name: "subscriptionName", maxName: 50,
		inputs: words(`autoDeleteOnIdle clientAffineProperties deadLetteringOnFilterEvaluationExceptions
			deadLetteringOnMessageExpiration defaultMessageTimeToLive duplicateDetectionHistoryTimeWindow
			enableBatchedOperations forwardDeadLetteredMessagesTo forwardTo isClientAffine lockDuration
			maxDeliveryCount requiresSession status userMetadata`),
		outputs: words("accessedAt countDetails createdAt location messageCount name systemData type updatedAt"),
		defaults: map[string]any{
			"autoDeleteOnIdle":                          forever,
			"deadLetteringOnFilterEvaluationExceptions": true,
			"deadLetteringOnMessageExpiration":          false,
			"defaultMessageTimeToLive":                  forever,
			"enableBatchedOperations":                   true,
			"isClientAffine":                            false,
			"lockDuration":                              "PT1M",
			"maxDeliveryCount":                          10.0,
			"requiresSession":                           false,
			"status":                                    "Active"}},
	{token: "servicebus:Rule", apiVersion: serviceBusVersion,
		path: topic + "/subscriptions/{subscriptionName}/rules/{ruleName}", name: "ruleName", maxName: 50,
		inputs:   words("action correlationFilter filterType sqlFilter"),
		outputs:  words("location name systemData type"),
		defaults: map[string]any{"action": map[string]any{}}},
	{token: "servicebus:DefaultRule", apiVersion: serviceBusVersion,
		path: topic + "/subscriptions/{subscriptionName}/rules/$Default", exists: true,
		inputs:   words("action correlationFilter filterType sqlFilter"),
		outputs:  words("location name systemData type"),
		defaults: map[string]any{"action": map[string]any{}}},
	{token: "servicebus:NamespaceAuthorizationRule", apiVersion: serviceBusVersion,
		path: namespace + "/AuthorizationRules/{authorizationRuleName}",
		name: "authorizationRuleName", maxName: 50, inputs: words("rights"),
		outputs: words("location name systemData type")},
	{token: "servicebus:QueueAuthorizationRule", apiVersion: serviceBusVersion,
		path: namespace + "/queues/{queueName}/authorizationRules/{authorizationRuleName}",
		name: "authorizationRuleName", maxName: 50, inputs: words("rights"),
		outputs: words("location name systemData type")},
	{token: "servicebus:TopicAuthorizationRule", apiVersion: serviceBusVersion,
		path: topic + "/authorizationRules/{authorizationRuleName}",
		name: "authorizationRuleName", maxName: 50, inputs: words("rights"),
		outputs: words("location name systemData type")},
	{token: "servicebus:NamespaceNetworkRuleSet", apiVersion: serviceBusVersion,
		path: namespace + "/networkRuleSets/default", exists: true,
		inputs:  words("defaultAction ipRules publicNetworkAccess trustedServiceAccessEnabled virtualNetworkRules"),
		outputs: words("location name systemData type"),
		reset: map[string]any{"publicNetworkAccess": "Enabled", "defaultAction": "Allow",
			"virtualNetworkRules": []any{}, "ipRules": []any{},
			"trustedServiceAccessEnabled": false}},

	{token: "datafactory:Factory", apiVersion: dataFactoryVersion, path: factory, name: "factoryName",
		naming: hyphenName, maxName: 63,
		location: ofGroup,
		inputs: words(
			"encryption globalParameters identity location publicNetworkAccess purviewConfiguration repoConfiguration tags"),
		outputs: words("createTime eTag name provisioningState systemData type version"),
		defaults: map[string]any{"encryption": map[string]any{}, "globalParameters": map[string]any{},
			"tags": map[string]any{}}},
	{token: "datafactory:Pipeline", apiVersion: dataFactoryVersion, path: factory + "/pipelines/{pipelineName}",
		name: "pipelineName", maxName: 260,
		inputs: words(
			"activities annotations concurrency description folder parameters policy runDimensions variables"),
		outputs: words("etag name systemData type"), shape: pipelineShape},
	{token: "datafactory:Dataset", apiVersion: dataFactoryVersion, path: factory + "/datasets/{datasetName}",
		name: "datasetName", maxName: 260,
		inputs: words("properties"), outputs: words("etag name systemData type"), explicit: true,
		shape: datasetShape},
	{token: "datafactory:LinkedService", apiVersion: dataFactoryVersion,
		path: factory + "/linkedservices/{linkedServiceName}", name: "linkedServiceName", maxName: 260,
		inputs: words("properties"), outputs: words("etag name systemData type"), explicit: true,
		shape: linkedServiceShape},
	{token: "datafactory:Trigger", apiVersion: dataFactoryVersion, path: factory + "/triggers/{triggerName}",
		name: "triggerName", maxName: 260,
		inputs: words("properties"), outputs: words("etag name systemData type"), explicit: true,
		shape: triggerShape},
	{token: "datafactory:DataFlow", apiVersion: dataFactoryVersion, path: factory + "/dataflows/{dataFlowName}",
		name: "dataFlowName", maxName: 260,
		inputs: words("properties"), outputs: words("etag name systemData type"), explicit: true,
		shape: dataFlowShape},
	{token: "datafactory:IntegrationRuntime", apiVersion: dataFactoryVersion,
		path: factory + "/integrationRuntimes/{integrationRuntimeName}",
		name: "integrationRuntimeName", naming: hyphenName, maxName: 63,
		inputs: words("properties"), outputs: words("etag name systemData type"), explicit: true,
		shape: integrationRuntimeShape},
	{token: "datafactory:GlobalParameter", apiVersion: dataFactoryVersion,
		path: factory + "/globalParameters/{globalParameterName}", name: "globalParameterName",
		inputs: words("properties"), outputs: words("etag name systemData type"), explicit: true},
	{token: "datafactory:CredentialOperation", apiVersion: dataFactoryVersion,
		path: factory + "/credentials/{credentialName}", name: "credentialName", maxName: 260,
		inputs: words("properties"), outputs: words("etag name systemData type"), explicit: true,
		shape: credentialShape},

	{token: "authorization:RoleAssignment", apiVersion: authorizationVersion,
		path: "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
		name: "roleAssignmentName", naming: uuidName,
		inputs: words(
			"condition conditionVersion delegatedManagedIdentityResourceId description principalId principalType roleDefinitionId"),
		outputs: words("createdBy createdOn name scope systemData type updatedBy updatedOn"),
		replace: words("principalId principalType roleDefinitionId delegatedManagedIdentityResourceId"),
		sdk:     map[string]any{"principalType": "User"}},
}

// byToken finds a kind by module:Type.
var byToken = func() map[string]*kind {
	m := make(map[string]*kind, len(kinds))
	for _, k := range kinds {
		k.compile()
		m[k.token] = k
	}
	return m
}()

// supported are the tokens of kinds, sorted.
func supported() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = pkg + ":" + k.token
	}
	slices.Sort(names)
	return names
}
