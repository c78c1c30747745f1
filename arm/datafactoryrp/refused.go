package datafactoryrp

import (
	"strings"

	"switchyard/arm"
)

// A refusedRequest says of something that Data Factory has and this program has not why that is so, or
// what to do instead.
type refusedRequest struct {
	typ    string // the resource type, without the namespace
	action string // of a POST, as Azure spells it; "": every request
	why    string
}

// The reasons of refusals.
const (
	noGit       = "it keeps no connection to Git. 'switchyard up FOLDER' serves a checkout"
	noFeatures  = "it has no features that are switched on for some subscriptions"
	noDataFlows = "data flows do not run in it"
	noRuntimes  = "it is the only integration runtime, and no machine can join it"
	noNetworks  = "it has no managed virtual networks or private endpoints"
	noCapture   = "change data capture does not run in it"
)

// refusedRequests are all requests of [ADF-REST 3] that are refused, whatever they ask for. What has no
// reason here has no other than that nobody has built it.
var refusedRequests = []refusedRequest{
	{"locations", "configureFactoryRepo", noGit},
	{"locations", "getFeatureValue", noFeatures},
	{"factories", "getFeatureValue", noFeatures},
	{"factories", "queryFeaturesValue", noFeatures},
	{"factories", "getGitHubAccessToken", noGit},
	{"factories", "getDataPlaneAccess", "its data plane is the Resource Manager: use the token that this request has"},
	{"factories", "createDataFlowDebugSession", noDataFlows},
	{"factories", "deleteDataFlowDebugSession", noDataFlows},
	{"factories", "addDataFlowToDebugSession", noDataFlows},
	{"factories", "executeDataFlowDebugCommand", noDataFlows},
	{"factories", "queryDataFlowDebugSessions", noDataFlows},
	{"factories/integrationRuntimes", "linkedIntegrationRuntime", noRuntimes},
	{"factories/integrationRuntimes", "getConnectionInfo", noRuntimes},
	{"factories/integrationRuntimes", "monitoringData", noRuntimes},
	{"factories/integrationRuntimes", "listAuthKeys", noRuntimes},
	{"factories/integrationRuntimes", "regenerateAuthKey", noRuntimes},
	{"factories/integrationRuntimes", "removeLinks", noRuntimes},
	{"factories/integrationRuntimes", "start", noRuntimes},
	{"factories/integrationRuntimes", "stop", noRuntimes},
	{"factories/integrationRuntimes", "syncCredentials", noRuntimes},
	{"factories/integrationRuntimes", "upgrade", noRuntimes},
	{"factories/integrationRuntimes", "getObjectMetadata", noRuntimes},
	{"factories/integrationRuntimes", "refreshObjectMetadata", noRuntimes},
	{"factories/integrationRuntimes", "", noRuntimes}, // PATCH: of the updates of machines
	{"factories/integrationRuntimes/nodes", "ipAddress", noRuntimes},
	{"factories/integrationRuntimes/nodes", "", noRuntimes},
	{"factories/integrationRuntimes/outboundNetworkDependenciesEndpoints", "", noRuntimes},
	{"factories/managedVirtualNetworks/managedPrivateEndpoints", "", noNetworks},
	{"factories/privateEndPointConnections", "", noNetworks},
	{"factories/privateLinkResources", "", noNetworks},
	{"factories/adfcdcs", "start", noCapture},
	{"factories/adfcdcs", "stop", noCapture},
	{"factories/adfcdcs", "", noCapture},
	{"factories/adfcdcs/status", "", noCapture},
}

// refused is the error for what Data Factory has and this program has not.
func refused(r *arm.Request) error {
	action, why := r.Action, ""
	for _, x := range refusedRequests {
		if strings.EqualFold(r.ID.TypePath(), x.typ) && strings.EqualFold(r.Action, x.action) {
			action, why = x.action, ": "+x.why
		}
	}
	what := r.ID.Type()
	if action != "" {
		what += "/" + action
	}
	return arm.NotSupported("%s %s is not supported by this version of Switchyard%s.", r.Method, what, why)
}
