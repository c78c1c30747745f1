package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// kind is one resource type: where it lives and what shape it has.
type kind struct {
	token      string   // module:Type
	apiVersion string   // default
	path       string   // template of the resource ID; {scope} may hold several segments
	name       string   // the input that names the resource; "" when its name is fixed
	naming     naming   // how a missing name is made
	maxName    int      // longest name; 0 when it does not matter
	inputs     []string // inputs of the body
	outputs    []string // what only the service sets
	location   location
	explicit   bool           // takes ARM's properties as one input
	shape      *shape         // of the polymorphic objects inside, or nil
	replace    []string       // body inputs that cannot be changed
	defaults   map[string]any // what the service sets when an input is missing
	sdk        map[string]any // what the vendor's SDKs set when an input is missing
	exists     bool           // is there from the start: no check before create
	reset      map[string]any // properties to restore when there is no DELETE; nil: DELETE

	params  []string       // names in path, in order, without subscriptionId
	pattern *regexp.Regexp // of the path
}

// naming is how Check names a resource that has no name.
type naming int

const (
	hexName    naming = iota // logical name and 8 hex digits
	hyphenName               // as hexName, with _ as -: the type's names have no underscore
	uuidName                 // a UUID
)

// location is whether a resource type has one.
type location int

const (
	noLocation location = iota
	ofGroup             // defaults to configuration, then the resource group's
	ofItself            // defaults to configuration
)

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// compile derives params and pattern from path.
func (k *kind) compile() {
	var re strings.Builder
	re.WriteString("(?i)^")
	rest := k.path
	for {
		at := placeholder.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		name := rest[at[2]:at[3]]
		re.WriteString(regexp.QuoteMeta(rest[:at[0]]))
		if name == "scope" {
			re.WriteString(`(?P<scope>.*?)`)
		} else {
			re.WriteString(`(?P<` + name + `>[^/]+)`)
		}
		if name != "subscriptionId" {
			k.params = append(k.params, name)
		}
		rest = rest[at[1]:]
	}
	re.WriteString(regexp.QuoteMeta(rest) + "$")
	k.pattern = regexp.MustCompile(re.String())
}

// id fills the path. Every parameter must be in params and fit in its place.
func (k *kind) id(subscription string, params map[string]string) (string, error) {
	var err error
	id := placeholder.ReplaceAllStringFunc(k.path, func(p string) string {
		name := p[1 : len(p)-1]
		if name == "subscriptionId" {
			return subscription
		}
		v := params[name]
		switch {
		case v == "":
			err = fmt.Errorf("%s: missing required property %q", k.token, name)
		case name == "scope":
			v = strings.TrimRight(v, "/")
		case strings.Contains(v, "/") && name != "queueName" && name != "topicName", v == ".", v == "..":
			err = fmt.Errorf("%s: %s %q cannot be part of a resource ID", k.token, name, v)
		default:
			// A queue or topic may have / in its name, which an ARM path has as ~.
			v = strings.ReplaceAll(v, "/", "~")
		}
		return v
	})
	return id, err
}

// parse takes an ID apart.
func (k *kind) parse(id string) (subscription string, params map[string]string, err error) {
	m := k.pattern.FindStringSubmatch(id)
	if m == nil {
		return "", nil, fmt.Errorf("%q is no ID of %s: want %s", id, k.token, k.path)
	}
	params = map[string]string{}
	for i, name := range k.pattern.SubexpNames() {
		switch name {
		case "":
		case "subscriptionId":
			subscription = m[i]
		case "queueName", "topicName":
			params[name] = strings.ReplaceAll(m[i], "~", "/")
		default:
			params[name] = m[i]
		}
	}
	return subscription, params, nil
}

// isParam says that an input is part of the path.
func (k *kind) isParam(name string) bool { return slices.Contains(k.params, name) }

// isInput says that the vendor's SDKs have such an input.
func (k *kind) isInput(name string) bool { return k.isParam(name) || slices.Contains(k.inputs, name) }

// top are the members of a body that are not below properties.
var top = []string{"location", "tags", "sku", "identity", "kind", "zones", "managedBy"}

// isTop says that an input stays at the top of the body. A role assignment's body
// has none.
func isTop(name string) bool { return slices.Contains(top, name) }
