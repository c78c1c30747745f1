package pipeline

import "strings"

// An activityType is what is known of an activity type [ENGINE 5].
type activityType struct {
	name string
	// required members of typeProperties; a|b is one of the two.
	required []string
	// supported here: decided in package run or executed by package activity.
	supported bool
	// extension of ours, with a closed set of properties.
	extension bool
	// control activities have no timeout and no retry policy.
	control bool
}

// activityTypes are the discriminators of [ENGINE 5], in its order, and our
// extensions. Fail has no required members because what the service does
// without them is specified.
var activityTypes = []activityType{
	{name: "AppendVariable", required: []string{"variableName", "value"}, supported: true, control: true},
	{name: "AzureDataExplorerCommand", required: []string{"command"}},
	{name: "AzureFunctionActivity", required: []string{"functionName", "method"}},
	{name: "AzureMLBatchExecution"},
	{name: "AzureMLExecutePipeline", required: []string{"mlPipelineId|mlPipelineEndpointId"}},
	{name: "AzureMLUpdateResource", required: []string{"trainedModelName", "trainedModelLinkedServiceName", "trainedModelFilePath"}},
	{name: "Copy", required: []string{"source", "sink"}},
	{name: "Custom", required: []string{"command"}},
	{name: "DataLakeAnalyticsU-SQL", required: []string{"scriptPath", "scriptLinkedService"}},
	{name: "DatabricksNotebook", required: []string{"notebookPath"}},
	{name: "DatabricksSparkJar", required: []string{"mainClassName"}},
	{name: "DatabricksSparkPython", required: []string{"pythonFile"}},
	{name: "Delete", required: []string{"dataset"}},
	{name: "ExecuteDataFlow", required: []string{"dataFlow"}},
	{name: "ExecutePipeline", required: []string{"pipeline"}, control: true},
	{name: "ExecuteSSISPackage", required: []string{"packageLocation"}},
	{name: "ExecuteWranglingDataflow", required: []string{"dataFlow"}},
	{name: "Fail", supported: true, control: true},
	{name: "Filter", required: []string{"items", "condition"}, supported: true, control: true},
	{name: "ForEach", required: []string{"items", "activities"}, supported: true, control: true},
	{name: "GetMetadata", required: []string{"dataset"}},
	{name: "HDInsightHive"},
	{name: "HDInsightMapReduce", required: []string{"className", "jarFilePath"}},
	{name: "HDInsightPig"},
	{name: "HDInsightSpark", required: []string{"rootPath", "entryFilePath"}},
	{name: "HDInsightStreaming", required: []string{"mapper", "reducer", "input", "output", "filePaths"}},
	{name: "IfCondition", required: []string{"expression"}, supported: true, control: true},
	{name: "Lookup", required: []string{"source", "dataset"}},
	{name: "Script"},
	{name: "SetVariable", required: []string{"variableName", "value"}, supported: true, control: true},
	{name: "SparkJob", required: []string{"sparkJob"}},
	{name: "SqlServerStoredProcedure", required: []string{"storedProcedureName"}},
	{name: "Switch", required: []string{"on|expression"}, supported: true, control: true},
	{name: "SynapseNotebook", required: []string{"notebook"}},
	{name: "Until", required: []string{"expression", "activities"}, supported: true, control: true},
	{name: "Validation", required: []string{"dataset"}, control: true},
	{name: "Wait", required: []string{"waitTimeInSeconds"}, supported: true, control: true},
	{name: "WebActivity", required: []string{"method", "url"}, supported: true},
	{name: "WebHook", required: []string{"method", "url"}},
	{name: ServiceBusSend, required: []string{"queueName", "body"}, supported: true, extension: true},
	{name: ServiceBusSettle, required: []string{"sequenceNumber|lockToken", "outcome"}, supported: true, extension: true},
}

// The types of our extensions.
const (
	ServiceBusSend        = "ServiceBusSend"
	ServiceBusSettle      = "ServiceBusSettle"
	TypeServiceBusTrigger = "ServiceBusTrigger"
	TypeAzureServiceBus   = "AzureServiceBus"
)

func lookupActivityType(name string) *activityType {
	for i := range activityTypes {
		if equalFold(activityTypes[i].name, name) {
			return &activityTypes[i]
		}
	}
	return nil
}

// SupportedActivity reports whether activities of the type run here.
func SupportedActivity(name string) bool {
	t := lookupActivityType(name)
	return t != nil && t.supported
}

// typeProperties checks the members of typeProperties that an active activity
// of a known type must have, and all of them for our extensions.
func (r *reader) typeProperties(a *Activity, tp node) {
	t := lookupActivityType(a.Type)
	if t == nil {
		return
	}
	for _, name := range t.required {
		first, second, either := strings.Cut(name, "|")
		if !either {
			r.get(tp, name, true)
			continue
		}
		_, one := r.get(tp, first, false)
		_, other := r.get(tp, second, false)
		if !one && !other {
			r.errorf(tp.path(first), "is missing, and so is %s", second)
		}
	}
	switch t.name {
	case "SetVariable", "AppendVariable":
		r.text(tp, "variableName", false)
	case "ExecutePipeline":
		r.reference(tp, "pipeline", "PipelineReference", false)
	case "Switch":
		if n := len(a.Switch.Cases); n > MaxSwitchCases {
			r.errorf(tp.path("cases"), "%d cases, at most %d are allowed", n, MaxSwitchCases)
		}
	case ServiceBusSend:
		r.serviceBusSend(a, tp)
	case ServiceBusSettle:
		r.serviceBusSettle(a, tp)
	}
}
