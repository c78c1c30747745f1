package resourcesrp

import (
	"strings"

	"switchyard/arm"
	"switchyard/value"
)

// resourcePage is how many groups or resources a page has.
const resourcePage = 1000

// expandable are members of a resource that a generic list shows only if asked.
var expandable = []string{"createdTime", "changedTime", "provisioningState"}

// listResources lists top-level tracked resources of a group or subscription
// [ARM 5.2].
func (p *Resources) listResources(r *arm.Request) (*arm.Response, error) {
	f, err := parseFilter(r.Param("$filter"))
	if err != nil {
		return nil, err
	}
	expand := map[string]bool{}
	for name := range strings.SplitSeq(r.Param("$expand"), ",") {
		expand[strings.ToLower(strings.TrimSpace(name))] = true
	}
	var items []*value.Object
	for _, provider := range p.k.Providers() {
		for _, o := range provider.GroupResources(r.ID.Subscription, r.ID.ResourceGroup) {
			if !f.matches(o) {
				continue
			}
			items = append(items, shown(o, expand))
		}
	}
	return r.Page(items, resourcePage)
}

func shown(o *value.Object, expand map[string]bool) *value.Object {
	out := value.NewObject()
next:
	for _, m := range o.Members() {
		for _, name := range expandable {
			if m.Name == name && !expand[strings.ToLower(name)] {
				continue next
			}
		}
		out.Set(m.Name, m.Value)
	}
	return out
}
