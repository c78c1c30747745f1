package factory

import "strings"

// A Kind is a kind of definition in a factory.
type Kind uint8

// The kinds that are kept.
const (
	Pipelines Kind = iota
	Datasets
	LinkedServices
	Triggers
	DataFlows
	IntegrationRuntimes
	Credentials
	ManagedVirtualNetworks
	kinds // their number
)

var kindTable = [kinds]struct {
	name      string // as in replies: [ADF-REST 1]
	noun      string
	reference string
	types     []string // of definitions that are not parsed; nil: any
	untyped   bool     // definitions need no type
	sealed    bool     // always, whether or not a secret is recognised
	folder    string   // of the Git layout, of definitions that are not parsed
}{
	Pipelines: {name: "pipelines", noun: "pipeline", reference: "PipelineReference"},
	Datasets:  {name: "datasets", noun: "dataset", reference: "DatasetReference"},
	LinkedServices: {name: "linkedservices", noun: "linked service",
		reference: "LinkedServiceReference", sealed: true},
	Triggers: {name: "triggers", noun: "trigger", reference: "TriggerReference"},
	DataFlows: {name: "dataflows", noun: "data flow", reference: "DataFlowReference", folder: "dataflow",
		types: []string{"MappingDataFlow", "Flowlet", "WranglingDataFlow"}},
	IntegrationRuntimes: {name: "integrationruntimes", noun: "integration runtime", folder: "integrationRuntime",
		reference: "IntegrationRuntimeReference", types: []string{"Managed", "SelfHosted"}, sealed: true},
	Credentials: {name: "credentials", noun: "credential", reference: "CredentialReference", folder: "credential",
		types: []string{"ManagedIdentity", "ServicePrincipal"}, sealed: true},
	ManagedVirtualNetworks: {name: "managedVirtualNetworks", noun: "managed virtual network",
		reference: "ManagedVirtualNetworkReference", folder: "managedVirtualNetwork", untyped: true},
}

// Kinds returns all kinds.
func Kinds() []Kind {
	out := make([]Kind, kinds)
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// ParseKind finds a kind by its name in a path, ignoring case.
func ParseKind(name string) (Kind, bool) {
	for i := range kindTable {
		if strings.EqualFold(kindTable[i].name, name) {
			return Kind(i), true
		}
	}
	return 0, false
}

// String returns the kind's name in paths and types: pipelines, linkedservices.
func (k Kind) String() string { return kindTable[k].name }

// Noun returns what one of the kind is called: linked service.
func (k Kind) Noun() string { return kindTable[k].noun }

// article is the noun with its indefinite article.
func (k Kind) article() string {
	if n := k.Noun(); strings.ContainsRune("aeiou", rune(n[0])) {
		return "an " + n
	}
	return "a " + k.Noun()
}

// AutoResolve is the integration runtime that every factory has without it being
// defined.
const AutoResolve = "AutoResolveIntegrationRuntime"
