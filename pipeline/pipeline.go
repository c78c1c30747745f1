package pipeline

import (
	"time"

	"switchyard/value"
)

// A Pipeline is the definition in one file of the folder pipeline/ [ENGINE 1].
type Pipeline struct {
	Name        string
	File        string // where it was read from, for diagnostics
	Description string
	Activities  []*Activity
	Parameters  []*Parameter
	Variables   []*Variable
	// Concurrency is the greatest number of runs at the same time; 0 is no limit.
	Concurrency   int
	Annotations   value.Array
	RunDimensions *value.Object // unevaluated
	Folder        string
	// Raw is the whole file, unknown members included.
	Raw *value.Object
}

// Variable looks up a variable ignoring case; nil if there is none.
func (p *Pipeline) Variable(name string) *Variable {
	for _, v := range p.Variables {
		if equalFold(v.Name, name) {
			return v
		}
	}
	return nil
}

// Walk calls f for every activity, containers before their children, in the
// order of the file.
func (p *Pipeline) Walk(f func(*Activity)) { walk(p.Activities, f) }

func walk(activities []*Activity, f func(*Activity)) {
	for _, a := range activities {
		f(a)
		for _, s := range a.Scopes() {
			walk(s.Activities, f)
		}
	}
}

// A ParameterType is the type of a parameter, in its canonical spelling.
type ParameterType string

// The parameter types [ENGINE 1.1].
const (
	TypeObject       ParameterType = "Object"
	TypeString       ParameterType = "String"
	TypeInt          ParameterType = "Int"
	TypeFloat        ParameterType = "Float"
	TypeBool         ParameterType = "Bool"
	TypeArray        ParameterType = "Array"
	TypeSecureString ParameterType = "SecureString"
)

// A Parameter is declared by a pipeline, a dataset or a linked service.
type Parameter struct {
	Name       string
	Type       ParameterType
	Default    value.Value // a literal, never evaluated
	HasDefault bool
}

func parameterByName(ps []*Parameter, name string) *Parameter {
	for _, p := range ps {
		if equalFold(p.Name, name) {
			return p
		}
	}
	return nil
}

// A VariableType is the type of a variable, in its canonical spelling.
type VariableType string

// The variable types [ENGINE 1.2].
const (
	VariableString  VariableType = "String"
	VariableBoolean VariableType = "Boolean"
	VariableInteger VariableType = "Integer"
	VariableArray   VariableType = "Array"
)

// A Variable is declared by a pipeline.
type Variable struct {
	Name string
	Type VariableType
	// Default is the value at the start of a run: the declared one, or the zero value of the
	// type ("", 0, false, []).
	Default value.Value
}

// A Reference names another resource of the factory.
type Reference struct {
	Name       string        // referenceName; never an expression
	Type       string        // LinkedServiceReference, DatasetReference, PipelineReference, …
	Parameters *value.Object // may hold expressions; nil when absent
	Path       string        // JSON path of the reference, for diagnostics
}

// A Condition is the outcome on which a dependency insists [ENGINE 3.1].
type Condition uint8

// The dependency conditions.
const (
	OnSucceeded Condition = iota
	OnFailed
	OnCompleted
	OnSkipped
)

// String returns the spelling of a definition.
func (c Condition) String() string { return conditionNames[c] }

var conditionNames = [...]string{"Succeeded", "Failed", "Completed", "Skipped"}

// A Dependency is one entry of dependsOn: it is met if any of its conditions is.
type Dependency struct {
	Activity   string
	Conditions []Condition // never empty: [Succeeded] when the file has none
}

// A MarkAs is what an inactive activity counts as [ENGINE 2.2].
type MarkAs uint8

// The values of onInactiveMarkAs.
const (
	MarkSucceeded MarkAs = iota
	MarkFailed
	MarkSkipped
)

// A Policy is the policy of an execution activity [ENGINE 2.1].
type Policy struct {
	// Timeout and Retry are as in the file, expressions included; nil when absent.
	Timeout, Retry            value.Value
	RetryInterval             time.Duration // 30 seconds when absent
	SecureInput, SecureOutput bool
	// FailOnRestart: an attempt that was in flight when the process ended fails and is not
	// made again. It is an extension: onRestart is fail.
	FailOnRestart bool
}

// Defaults and limits of a policy [ENGINE 2.1].
const (
	DefaultTimeout       = 12 * time.Hour
	MaxTimeout           = 7 * 24 * time.Hour
	DefaultRetryInterval = 30 * time.Second
	// DefaultCallBackTimeout is how long a WebHook waits [ENGINE 5.16].
	DefaultCallBackTimeout = 10 * time.Minute
)

// An Activity is one activity of a pipeline [ENGINE 2]. Of ForEach, If, Switch
// and Until, one is set if Type says so, and none otherwise.
type Activity struct {
	Name             string
	Type             string        // as the file spells it; compare with Is
	Row              *ActivityType // of the type; nil if it is not known
	Description      string
	DependsOn        []Dependency
	Policy           Policy
	Inactive         bool
	OnInactiveMarkAs MarkAs
	UserProperties   []UserProperty
	LinkedService    *Reference
	// Inputs and Outputs are the dataset references of a Copy.
	Inputs, Outputs []*Reference
	// TypeProperties is the member as it stands in the file, children included;
	// never nil.
	TypeProperties *value.Object
	// Raw is the whole activity.
	Raw  *value.Object
	Path string // JSON path in the file

	// Waits: an ExecutePipeline ends with the run that it starts.
	Waits bool

	ForEach *ForEach
	If      *If
	Switch  *Switch
	Until   *Until
}

// A UserProperty is shown with an activity's runs; the value may be an
// expression.
type UserProperty struct {
	Name  string
	Value value.Value
}

// Is reports whether the activity has the type, which compares ignoring case.
func (a *Activity) Is(activityType string) bool { return equalFold(a.Type, activityType) }

// A Scope is one list of child activities of a container, with the member of
// typeProperties that holds it.
type Scope struct {
	Branch     string // "activities", "ifTrueActivities", "cases[2]", …
	Activities []*Activity
}

// Scopes returns the lists of child activities, also the empty ones; nil for an
// activity that is no container.
func (a *Activity) Scopes() []Scope {
	switch {
	case a.ForEach != nil:
		return []Scope{{BranchBody, a.ForEach.Activities}}
	case a.Until != nil:
		return []Scope{{BranchBody, a.Until.Activities}}
	case a.If != nil:
		return []Scope{{BranchTrue, a.If.True}, {BranchFalse, a.If.False}}
	case a.Switch != nil:
		s := make([]Scope, 0, len(a.Switch.Cases)+1)
		for i := range a.Switch.Cases {
			s = append(s, Scope{BranchCase(i), a.Switch.Cases[i].Activities})
		}
		return append(s, Scope{BranchDefault, a.Switch.Default})
	}
	return nil
}

// The branches of containers, named after the member of typeProperties.
const (
	BranchBody    = "activities"
	BranchTrue    = "ifTrueActivities"
	BranchFalse   = "ifFalseActivities"
	BranchDefault = "defaultActivities"
)

// The timeout of a Web activity's request [ENGINE 5.15].
const (
	DefaultRequestTimeout = time.Minute
	MaxRequestTimeout     = 10 * time.Minute
)

// Limits and defaults of containers [ENGINE 5.2, 5.4, 5.5].
const (
	DefaultBatchCount   = 20
	MaxBatchCount       = 50
	MaxForEachItems     = 100_000
	MaxSwitchCases      = 25
	DefaultUntilTimeout = 7 * 24 * time.Hour
	MaxUntilTimeout     = 90 * 24 * time.Hour
)

// ForEach is [ENGINE 5.2].
type ForEach struct {
	Items      value.Value // expression
	Sequential bool
	BatchCount int // DefaultBatchCount when absent
	Activities []*Activity
}

// If is the IfCondition of [ENGINE 5.3].
type If struct {
	Expression  value.Value
	True, False []*Activity
}

// Switch is [ENGINE 5.4].
type Switch struct {
	On      value.Value // expression
	Cases   []Case
	Default []*Activity
}

// A Case is one case of a [Switch].
type Case struct {
	Value      string
	Activities []*Activity
}

// Until is [ENGINE 5.5].
type Until struct {
	Expression value.Value
	Timeout    value.Value // nil when absent
	Activities []*Activity
}
