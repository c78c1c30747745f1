package arm

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// param returns a query parameter, ignoring the case of its name.
func param(q url.Values, name string) string {
	if v := q.Get(name); v != "" {
		return v
	}
	for k, v := range q {
		if strings.EqualFold(k, name) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// parsePath reads what a request names: a resource, a collection, or an action
// on a resource [ARM 1.3, 1.4].
func parsePath(method, escaped string) (id ResourceID, action string, collection bool, err error) {
	segments, err := splitPath(escaped, url.PathUnescape)
	if err != nil {
		return id, "", false, Errorf(http.StatusBadRequest, "InvalidRequestUri",
			"The request path is not valid: %v.", err)
	}
	id, tail, err := parseSegments(segments, 0)
	switch {
	case err != nil:
		return id, "", false, Errorf(http.StatusBadRequest, "InvalidRequestUri",
			"The request path is not valid: %v.", err)
	case id.Subscription != "" && !IsGUID(id.Subscription):
		return id, "", false, Errorf(http.StatusBadRequest, "InvalidSubscriptionId",
			"The provided subscription identifier '%s' is malformed or invalid.", clip(id.Subscription))
	}
	id.lowerSubscription()
	switch {
	case tail != "" && method == http.MethodPost:
		return id, strings.ToLower(tail), false, nil
	case tail != "":
		id.Types = append(id.Types, tail)
		return id, "", true, nil
	}
	return id, "", false, nil
}

// lowerSubscription writes the GUID as Azure does.
func (id *ResourceID) lowerSubscription() {
	id.Subscription = strings.ToLower(id.Subscription)
	if id.Scope != nil {
		scope := *id.Scope
		scope.lowerSubscription()
		id.Scope = &scope
	}
}

// IsGUID reports whether s is a GUID in its form of 36 characters.
func IsGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
}

var apiVersion = regexp.MustCompile(
	`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(-[A-Za-z][A-Za-z0-9.-]{0,30})?$`)

// checkVersion applies [ARM 1.6]: any version that looks like one is good.
func checkVersion(q url.Values) (string, error) {
	v := param(q, "api-version")
	switch {
	case v == "":
		return "", Errorf(http.StatusBadRequest, "MissingApiVersionParameter",
			"The api-version query parameter (?api-version=) is required for all requests.")
	case !apiVersion.MatchString(v):
		return "", Errorf(http.StatusBadRequest, "InvalidApiVersionParameter",
			"The api-version '%s' is invalid. It must be a date in the form YYYY-MM-DD, optionally followed by -preview.",
			clip(v))
	}
	return v, nil
}

// canonical writes provider and types as the provider spells them. It fails for a
// provider or a type that there is not.
func (k *Kernel) canonical(id *ResourceID) (*provider, TypeInfo, error) {
	if id.Scope != nil {
		scope := *id.Scope
		if _, _, err := k.canonical(&scope); err != nil {
			return nil, TypeInfo{}, err
		}
		id.Scope = &scope
	}
	p := k.providers[strings.ToLower(id.Provider)]
	if p == nil {
		return nil, TypeInfo{}, Errorf(http.StatusNotFound, "InvalidResourceNamespace",
			"The resource namespace '%s' is invalid.", clip(id.Provider))
	}
	id.Provider = p.Namespace()
	if len(id.Types) == 0 {
		return p, TypeInfo{}, nil
	}
	t, ok := p.types[strings.ToLower(id.TypePath())]
	switch {
	case ok:
		id.Types = strings.Split(t.Type, "/")
	case len(id.Types) == 1 && len(id.Names) == 0 && strings.EqualFold(id.Types[0], "operations"):
		id.Types = []string{"operations"}
	case id.Provider == ResourcesNamespace && isDeployment(id.Types[0]):
		return nil, TypeInfo{}, NotSupported("The resource type '%s/%s' is not supported by this version of "+
			"Switchyard: it deploys no templates. Create the resources one by one, with az, an SDK, Terraform or "+
			"Pulumi, or put definitions into a folder that 'switchyard up FOLDER' serves.",
			id.Provider, clip(id.TypePath()))
	default:
		return nil, TypeInfo{}, Errorf(http.StatusNotFound, "InvalidResourceType",
			"The resource type '%s' could not be found in the namespace '%s'.", clip(id.TypePath()), id.Provider)
	}
	return p, t, nil
}

// isDeployment says that a type of Microsoft.Resources deploys templates.
func isDeployment(name string) bool {
	return strings.EqualFold(name, "deployments") || strings.EqualFold(name, "deploymentStacks") ||
		strings.EqualFold(name, "deploymentScripts")
}

// canonicalGroup finds the resource group and writes its name as it was created.
func (k *Kernel) canonicalGroup(id *ResourceID) (Group, error) {
	g, err := k.groups.Group(id.Subscription, id.ResourceGroup)
	if errors.Is(err, ErrNotFound) {
		return g, GroupNotFound(clip(id.ResourceGroup))
	}
	if err != nil {
		return g, err
	}
	for x := id; x != nil; x = x.Scope {
		x.ResourceGroup = g.Name
	}
	return g, nil
}

// CheckGroup fails if a resource can't be created in the group of an ID, because
// it is not there or is being deleted. The kernel asks before [Provider].Handle;
// a provider asks again under the lock that its DeleteGroup takes, so that nothing
// is created in a group that is gone.
func (k *Kernel) CheckGroup(id ResourceID) error {
	g, err := k.canonicalGroup(&id)
	if err == nil && g.Deleting {
		err = GroupBeingDeleted(g.Name)
	}
	return err
}

var methods = []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete}

func knownMethod(m string) bool { return slices.Contains(methods, m) || m == http.MethodHead }
