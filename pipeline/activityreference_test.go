package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/internal/golden"
	"switchyard/value"
)

// TestActivityReference: docs/activities.md is what the table says.
func TestActivityReference(t *testing.T) {
	golden.Page(t, "../docs/activities.md", activityReference())
}

// kindWords are what the reference calls a kind.
var kindWords = map[PropertyKind]string{
	AnyProperty: "any value", TextProperty: "text", IntegerProperty: "integer", CountProperty: "integer", BooleanProperty: "boolean",
	ObjectProperty: "object", ScalarsProperty: "object of texts, numbers and booleans", TimespanProperty: "timespan",
	ObjectsProperty: "object or list of objects", ActivitiesProperty: "activities", CasesProperty: "cases", PipelineProperty: "pipeline reference",
}

func activityReference() string {
	var b strings.Builder
	b.WriteString(`# Activities

Written from the table in ` + "`pipeline/activitytypes.go`" + ` by ` + "`go test ./pipeline -run ActivityReference -update`" + `.
What a pipeline says in a property is checked before it runs, unless it is an expression. Control activities are decided by the
run itself; they have neither timeout nor retries.
`)
	for _, extension := range []bool{false, true} {
		if extension {
			b.WriteString("\n# Extensions\n\nAzure has none of these. A property that is not listed is an error.\n")
		}
		for i := range activityTypes {
			if t := &activityTypes[i]; t.Supported && t.Extension == extension {
				t.reference(&b)
			}
		}
	}
	b.WriteString("\n# Not supported\n\nThese are kept as they are written. `validate` and a deployment warn of them, with `--strict` they are refused, and a run that\nreaches one fails with its name. A definition must have:\n\n" +
		"| type | properties |\n|---|---|\n")
	for _, t := range activityTypes {
		if t.Supported {
			continue
		}
		var list []string
		for _, p := range t.Properties {
			name := "`" + p.Name + "`"
			if p.Or != "" {
				name += " or `" + p.Or + "`"
			}
			list = append(list, name)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", t.Name, strings.Join(list, ", "))
	}
	return b.String()
}

func (t *ActivityType) reference(b *strings.Builder) {
	kind := "Execution activity"
	if t.Control {
		kind = "Control activity"
	}
	fmt.Fprintf(b, "\n## %s\n\n%s %s.", t.Name, t.Doc, kind)
	if t.LinkedService != "" {
		fmt.Fprintf(b, " `linkedServiceName`, of type `%s`, is %s.", t.LinkedService, map[bool]string{true: "required", false: "optional"}[t.NeedsLinkedService])
	}
	b.WriteString("\n\n| property | kind | default | meaning |\n|---|---|---|---|\n")
	table(b, "", t.Properties)
}

func table(b *strings.Builder, prefix string, list []Property) {
	for _, p := range list {
		absent := ""
		switch {
		case p.Or != "":
			absent = "required, or `" + prefix + p.Or + "`"
		case p.Required:
			absent = "required"
		case p.Default != nil:
			absent = "`" + strings.Trim(string(value.Append(nil, p.Default)), `"`) + "`"
		}
		kind := kindWords[p.Kind]
		switch {
		case p.Values != nil:
			kind = "`" + strings.Join(p.Values, "`, `") + "`"
		case p.Max > 0:
			kind += fmt.Sprintf(" from %d to %d", p.Min, p.Max)
		case p.Min > 0:
			kind += fmt.Sprintf(" of at least %d", p.Min)
		case p.Longest > 0:
			kind += ", at most " + FormatTimespan(p.Longest)
		}
		if p.Static && p.Kind != TextProperty {
			kind += ", no expression"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", prefix, p.Name, kind, absent, p.Doc)
		table(b, prefix+p.Name+".", p.Members)
	}
}
