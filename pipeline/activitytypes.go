package pipeline

import (
	"math"
)

// WebHook is the type of the activities that wait until they are called back [ENGINE 5.16].
const WebHook = "WebHook"

// activityTypes is the table. A new activity type is a row here and its executor
// in package activity.
//
// Fail has no required properties because what the service does without them is
// specified [ENGINE 5.10].
var activityTypes = []ActivityType{
	{Name: "AppendVariable", Supported: true, Control: true, Properties: []Property{
		{Name: "variableName", Kind: TextProperty, Required: true, Static: true, Doc: "a variable of type Array"},
		{Name: "value", Required: true, Doc: "what is appended; an array becomes one element"}},
		Doc: "Appends a value to a variable."},
	{Name: "AzureDataExplorerCommand", Properties: must("command")},
	{Name: "AzureFunctionActivity", Properties: must("functionName", "method")},
	{Name: "AzureMLBatchExecution"},
	{Name: "AzureMLExecutePipeline", Properties: []Property{
		{Name: "mlPipelineId", Required: true, Or: "mlPipelineEndpointId"}}},
	{Name: "AzureMLUpdateResource",
		Properties: must("trainedModelName", "trainedModelLinkedServiceName", "trainedModelFilePath")},
	{Name: "Copy", Properties: must("source", "sink")},
	{Name: "Custom", Properties: must("command")},
	{Name: "DatabricksNotebook", Properties: must("notebookPath")},
	{Name: "DatabricksSparkJar", Properties: must("mainClassName")},
	{Name: "DatabricksSparkPython", Properties: must("pythonFile")},
	{Name: "DataLakeAnalyticsU-SQL", Properties: must("scriptPath", "scriptLinkedService")},
	{Name: "Delete", Properties: dataset()},
	{Name: "ExecuteDataFlow", Properties: must("dataFlow")},
	{Name: "ExecutePipeline", Supported: true, Control: true, Properties: []Property{
		{Name: "pipeline", Kind: PipelineProperty, Required: true, Static: true, Doc: "of the same data factory"},
		{Name: "parameters", Kind: ObjectProperty, Doc: "its parameters by name"},
		{Name: "waitOnCompletion", Kind: BooleanProperty, Static: true, Default: waitsByDefault,
			Doc: "the activity ends when that run ends, as it ends; otherwise as soon as there is a run"}},
		Doc: "Starts a run of another pipeline. Output: `{\"pipelineName\", \"pipelineRunId\"}`, and `pipelineReturnValue` of a run that it " +
			"waits for. A call that can't be made fails: `PipelineNotFound`, `PipelineParametersInvalid`, `PipelineRunThrottled`, " +
			"`PipelineConcurrencyDeadlock` when the slots of the pipeline's concurrency are held by runs that wait for this " +
			"one, `PipelineDepthExceeded` below 100 calls, `TooManyPipelineRuns`."},
	{Name: "ExecuteSSISPackage", Properties: must("packageLocation")},
	{Name: "ExecuteWranglingDataflow", Properties: must("dataFlow")},
	{Name: "Fail", Supported: true, Control: true, Properties: []Property{
		{Name: "message", Doc: "the error's message"},
		{Name: "errorCode", Doc: "the error's code"}},
		Doc: "Fails, with the error that it is given."},
	{Name: "Filter", Supported: true, Control: true, Properties: []Property{
		{Name: "items", Required: true, Doc: "an array"},
		{Name: "condition", Required: true, Doc: "a boolean for each `@item()`"}},
		Doc: "Keeps the items of an array for which a condition is true."},
	{Name: "ForEach", Supported: true, Control: true, Properties: []Property{
		{Name: "items", Required: true, Doc: "an array of at most 100,000 items"},
		{Name: "isSequential", Kind: BooleanProperty, Static: true, Default: false,
			Doc: "one item after the other"},
		{Name: "batchCount", Kind: IntegerProperty, Static: true, Default: int64(DefaultBatchCount),
			Min: 1, Max: MaxBatchCount,
			Doc: "how many items run at the same time"},
		{Name: BranchBody, Kind: ActivitiesProperty, Required: true,
			Doc: "what runs for each item, which is `@item()`"}},
		Doc: "Runs activities for each item of an array."},
	{Name: "GetMetadata", Properties: dataset()},
	{Name: "HDInsightHive"},
	{Name: "HDInsightMapReduce", Properties: must("className", "jarFilePath")},
	{Name: "HDInsightPig"},
	{Name: "HDInsightSpark", Properties: must("rootPath", "entryFilePath")},
	{Name: "HDInsightStreaming", Properties: must("mapper", "reducer", "input", "output", "filePaths")},
	{Name: "IfCondition", Supported: true, Control: true, Properties: []Property{
		{Name: "expression", Required: true, Doc: "a boolean"},
		{Name: BranchTrue, Kind: ActivitiesProperty, Doc: "what runs if it is true"},
		{Name: BranchFalse, Kind: ActivitiesProperty, Doc: "what runs if it is false"}},
		Doc: "Runs one of two lists of activities."},
	{Name: "Lookup", Properties: dataset(must("source")...)},
	{Name: "Script"},
	{Name: "SetVariable", Supported: true, Control: true, Properties: []Property{
		{Name: "variableName", Kind: TextProperty, Required: true, Static: true,
			Doc: "a variable, or `" + ReturnValueVariable + "` with `setSystemVariable`"},
		{Name: "value", Required: true, Doc: "of the variable's type"},
		{Name: "setSystemVariable", Static: true, Doc: "sets the pipeline's return value"}},
		Doc: "Sets a variable."},
	{Name: "SparkJob", Properties: must("sparkJob")},
	{Name: "SqlServerStoredProcedure", Properties: must("storedProcedureName")},
	{Name: "Switch", Supported: true, Control: true, Properties: []Property{
		{Name: "on", Required: true, Or: "expression", Doc: "what is compared, as text"},
		{Name: "expression", Doc: "another name of `on`"},
		{Name: "cases", Kind: CasesProperty, Doc: "at most 25 of `{\"value\", \"activities\"}`"},
		{Name: BranchDefault, Kind: ActivitiesProperty, Doc: "what runs if no case has the value"}},
		Doc: "Runs the activities of the case that has a value."},
	{Name: "SynapseNotebook", Properties: must("notebook")},
	{Name: "Until", Supported: true, Control: true, Properties: []Property{
		{Name: "expression", Required: true, Doc: "a boolean, evaluated after each iteration"},
		{Name: "timeout", Kind: TimespanProperty, Longest: MaxUntilTimeout,
			Default: FormatTimespan(DefaultUntilTimeout),
			Doc:     "bounds the whole loop"},
		{Name: BranchBody, Kind: ActivitiesProperty, Required: true, Doc: "what is repeated"}},
		Doc: "Repeats activities until a condition is true."},
	{Name: "Validation", NoPolicy: true, OwnTimeout: true, Properties: dataset()},
	{Name: "Wait", Supported: true, Control: true, Properties: []Property{
		{Name: "waitTimeInSeconds", Kind: CountProperty, Required: true, Min: 1, Max: math.MaxInt32,
			Doc: "seconds"}},
		Doc: "Waits."},
	{Name: "WebActivity", Supported: true, Closed: true, Properties: []Property{
		{Name: "method", Kind: TextProperty, Required: true, AnyCase: true,
			Values: []string{"GET", "POST", "PUT", "PATCH", "DELETE"}},
		{Name: "url", Kind: TextProperty, Required: true,
			Doc: "absolute, http or https; escaped as .NET's Uri does"},
		{Name: "headers", Kind: ObjectProperty, Doc: "texts by name"},
		{Name: "body", Doc: "text is sent as it is, anything else as JSON; required for POST, PUT and PATCH"},
		{Name: "authentication", Kind: ObjectProperty,
			Doc: "`Basic`, `ClientCertificate`, `MSI`, `UserAssignedManagedIdentity` or `ServicePrincipal`"},
		{Name: "httpRequestTimeout", Kind: TimespanProperty, Longest: MaxRequestTimeout,
			Default: FormatTimespan(DefaultRequestTimeout),
			Doc:     "bounds each request"},
		{Name: "turnOffAsync", Kind: BooleanProperty, Default: false, Doc: "does not poll the `Location` of a 202"},
		{Name: "disableCertValidation", Kind: BooleanProperty, Default: false, Doc: "takes every certificate"},
		{Name: "datasets", Doc: "must be empty: not supported"},
		{Name: "linkedServices", Doc: "must be empty: not supported"},
		{Name: "connectVia", Doc: "`AutoResolveIntegrationRuntime`"}},
		Doc: "Sends an HTTP request and keeps the answer of at most 4 MB."},
	{Name: WebHook, Supported: true, Closed: true, NoPolicy: true, OwnTimeout: true, Timeout: DefaultCallBackTimeout,
		Properties: []Property{
			{Name: "method", Kind: TextProperty, Required: true, AnyCase: true, Values: []string{"POST"}},
			{Name: "url", Kind: TextProperty, Required: true, Doc: "absolute, http or https; escaped as .NET's Uri does"},
			{Name: "headers", Kind: ObjectProperty, Doc: "texts by name"},
			{Name: "body", Doc: "an object, or its text; it is sent with the member `callBackUri`"},
			{Name: "authentication", Kind: ObjectProperty, Doc: "as a WebActivity's"},
			{Name: "timeout", Kind: TimespanProperty, Longest: MaxTimeout,
				Default: FormatTimespan(DefaultCallBackTimeout), Doc: "from the start of the activity until it is called back"},
			{Name: "reportStatusOnCallBack", Kind: BooleanProperty, Default: false,
				Doc: "the callback says how the activity ends: `{\"Output\", \"Error\": {\"ErrorCode\", \"Message\"}, " +
					"\"StatusCode\"}`; it fails from 400 on"}},
		Doc: "Calls an endpoint, whose answer must be a success within a minute, and waits until its `callBackUri` is posted to. " +
			"What is posted, JSON of at most 4 MB, is the output. A callback counts before the call is answered, too, and " +
			"is durable when it is answered with 200. Another one is answered with 200 and ignored; one that comes too late gets " +
			"410 and a code: `ActivityTimedOut`, `ActivityFailed`, `ActivityCancelled`. The wait survives a restart, and the call is " +
			"not made again once it was answered."},

	{Name: ServiceBusSend, Supported: true, Extension: true, Closed: true,
		LinkedService: TypeAzureServiceBus, NeedsLinkedService: true, Properties: []Property{
			{Name: "queueName", Kind: TextProperty, Required: true, Doc: "a queue or a topic"},
			{Name: "body", Required: true, Doc: "text is sent as text, anything else as JSON"},
			{Name: "contentType", Kind: TextProperty,
				Doc: "`text/plain` or `application/json` if absent, as the body is"},
			{Name: "subject", Kind: TextProperty},
			{Name: "correlationId", Kind: TextProperty},
			{Name: "messageId", Kind: TextProperty, Doc: "the activity run's id if absent"},
			{Name: "sessionId", Kind: TextProperty},
			{Name: "to", Kind: TextProperty},
			{Name: "replyTo", Kind: TextProperty},
			{Name: "applicationProperties", Kind: ScalarsProperty},
			{Name: "timeToLive", Kind: TimespanProperty},
			{Name: "settle", Kind: ObjectsProperty, Members: settlement, check: checkSettlement,
				Doc: "settles messages of the batch that started the run in the same commit"}},
		Doc: "Sends a message. It, the settlements and the record that the activity succeeded are one commit." +
			" Output: `{\"messageId\", \"queueName\"}`."},
	{Name: ServiceBusSettle, Supported: true, Extension: true, Closed: true, LinkedService: TypeAzureServiceBus,
		Properties: settlement, check: checkSettlement,
		Doc: "Settles a message of the batch that started the run, in one commit with the record that the " +
			"activity succeeded."},
}

// must are the properties that a type must have of which no more is known here.
func must(names ...string) []Property {
	var out []Property
	for _, name := range names {
		out = append(out, Property{Name: name, Required: true})
	}
	return out
}

// dataset is the property dataset of the types that work on one, and others.
func dataset(others ...Property) []Property {
	return append([]Property{{Name: "dataset", Kind: DatasetProperty, Required: true}}, others...)
}
