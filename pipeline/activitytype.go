package pipeline

import (
	"strings"
	"time"

	"switchyard/value/read"
)

// An ActivityType is what is known of an activity type [ENGINE 5]: a row of the
// table [ActivityTypes]. Reading, validation, the executors, the decisions of
// package run and docs/activities.md go by it.
type ActivityType struct {
	Name string
	// Supported: it runs here. Of one that does not, only the properties that it
	// must have are listed.
	Supported bool
	// Extension: Azure has no such type.
	Extension bool
	// Control activities are decided in package run. The others are executed, by
	// an executor of package activity.
	Control bool
	// NoPolicy: it is executed and has neither timeout nor retry policy, as no
	// control activity has.
	NoPolicy bool
	// Closed: a property that is not listed is refused. Of our extensions it is an
	// error, because nobody else gives it a meaning.
	Closed bool
	// Properties are the members of typeProperties.
	Properties []Property
	// LinkedService is the type that its linked service must have, "" for any.
	LinkedService string
	// NeedsLinkedService: it must name one.
	NeedsLinkedService bool
	// OwnTimeout: its own property timeout bounds an attempt, not the policy.
	OwnTimeout bool
	// Timeout bounds an attempt whose definition has none; 0 stands for
	// [DefaultTimeout].
	Timeout time.Duration
	// Doc says what it does here, in Markdown.
	Doc string

	// check looks at what several properties say together.
	check func(tp *read.Members)
}

// HasPolicy reports whether activities of the type have a timeout and retries.
func (t *ActivityType) HasPolicy() bool { return !t.Control && !t.NoPolicy }

// Title is how messages call an activity of the type: "a Wait activity".
func (t *ActivityType) Title() string {
	return "a " + strings.TrimSuffix(t.Name, "Activity") + " activity"
}

// Property returns a property, nil if the type has none of the name.
func (t *ActivityType) Property(name string) *Property { return property(t.Properties, name) }

// PropertyNames returns the names of all properties.
func (t *ActivityType) PropertyNames() []string { return names(t.Properties) }

// AttemptTimeout bounds an attempt whose definition has no timeout.
func (t *ActivityType) AttemptTimeout() time.Duration {
	if t != nil && t.Timeout > 0 {
		return t.Timeout
	}
	return DefaultTimeout
}

var activityTypesByName = func() map[string]*ActivityType {
	m := make(map[string]*ActivityType, len(activityTypes))
	for i := range activityTypes {
		m[strings.ToLower(activityTypes[i].Name)] = &activityTypes[i]
	}
	return m
}()

// LookupActivityType returns the row of a type, whose name compares ignoring
// case; nil if the type is not known.
func LookupActivityType(name string) *ActivityType { return activityTypesByName[strings.ToLower(name)] }

// ActivityTypes returns the table: the types of Azure by name, then our
// extensions. It must not be changed.
func ActivityTypes() []ActivityType { return activityTypes }

func activityTypeNames() []string {
	names := make([]string, len(activityTypes))
	for i := range activityTypes {
		names[i] = activityTypes[i].Name
	}
	return names
}

// SupportedActivity reports whether activities of the type run here.
func SupportedActivity(name string) bool {
	t := LookupActivityType(name)
	return t != nil && t.Supported
}

// read reports what an active activity of the type must have and has not, and
// what can't be read whatever it means.
func (t *ActivityType) read(tp *read.Members) {
	required(tp, t.Properties)
	for i := range t.Properties {
		switch p := &t.Properties[i]; {
		case p.Kind == TextProperty && p.Static:
			tp.String(p.Name)
		case p.Kind == PipelineProperty:
			reference(tp, p.Name, "PipelineReference")
		}
	}
}

// validate checks the properties of an activity of a type that runs here: what
// can only fail is told before it runs.
func (v *validator) properties(t *ActivityType, tp *read.Members) {
	if t.Closed {
		report := v.unsupported
		if t.Extension {
			report = v.errorf
		}
		for _, m := range tp.Raw().Members() {
			if t.Property(m.Name) == nil {
				report(tp.At(m.Name), "is not a property of this type")
			}
		}
	}
	for i := range t.Properties {
		t.Properties[i].validate(tp)
	}
	if t.check != nil {
		t.check(tp)
	}
}
