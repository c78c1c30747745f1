package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"switchyard/infra/pulumi/provider/armclient"
)

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

// setting is one value of the provider's configuration and the variable that
// stands in for it.
type setting struct{ name, env string }

// settings are those that are used; the vendor's other ones are refused when they
// ask for a login that is not supported, and have no meaning here otherwise.
var settings = []setting{
	{"metadataHost", "ARM_METADATA_HOSTNAME"},
	{"subscriptionId", "ARM_SUBSCRIPTION_ID"},
	{"tenantId", "ARM_TENANT_ID"},
	{"clientId", "ARM_CLIENT_ID"},
	{"clientSecret", "ARM_CLIENT_SECRET"},
	{"location", "ARM_LOCATION"},
}

// logins are ways of the vendor's to log in that are not supported.
var logins = []setting{
	{"useMsi", "ARM_USE_MSI"},
	{"useOidc", "ARM_USE_OIDC"},
	{"useDefaultAzureCredential", "ARM_USE_DEFAULT_AZURE_CREDENTIAL"},
	{"clientCertificatePath", "ARM_CLIENT_CERTIFICATE_PATH"},
}

// CheckConfig takes the configuration as it is; Configure says what is missing,
// when the environment has been read too.
func (s *Server) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (
	*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: req.GetNews()}, nil
}

// DiffConfig replaces the provider, and with it every resource, when it would
// manage another subscription or another control plane.
func (s *Server) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	from := req.GetOldInputs()
	if from == nil {
		from = req.GetOlds()
	}
	olds, err := properties(from, "old configuration")
	if err != nil {
		return nil, err
	}
	news, err := properties(req.GetNews(), "new configuration")
	if err != nil {
		return nil, err
	}
	d := diffOf(openMap(olds), openMap(news),
		func(path string) bool { return path == "subscriptionId" || path == "tenantId" })
	return d.response(false), nil
}

// Configure reads the provider's arguments, its configuration and the environment,
// in that order.
func (s *Server) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (
	*pulumirpc.ConfigureResponse, error) {
	args, err := properties(req.GetArgs(), "configuration")
	if err != nil {
		return nil, err
	}
	get := func(x setting) string {
		if v, ok := openMap(args)[resource.PropertyKey(x.name)]; ok && v.IsString() && v.StringValue() != "" {
			return text(v.StringValue())
		}
		if v := req.GetVariables()[pkg+":config:"+x.name]; v != "" {
			return text(v)
		}
		return s.env(x.env)
	}
	for _, l := range logins {
		if v := get(l); v != "" && !strings.EqualFold(v, "false") {
			return nil, status.Errorf(codes.InvalidArgument,
				"%s logs in with a client secret only, not with %s (%s)", Name, l.name, l.env)
		}
	}
	values := map[string]string{}
	for _, x := range settings {
		values[x.name] = get(x)
	}
	if values["metadataHost"] == "" {
		return nil, status.Errorf(codes.InvalidArgument,
			"%s only manages a running Switchyard: set ARM_METADATA_HOSTNAME (eval \"$(switchyard env)\"), or for Azure install the vendor's azure-native plugin",
			Name)
	}
	client, err := armclient.New(armclient.Options{
		MetadataHost: values["metadataHost"], SubscriptionID: values["subscriptionId"],
		TenantID: values["tenantId"], ClientID: values["clientId"], ClientSecret: values["clientSecret"],
		CertFile: s.env("SSL_CERT_FILE"), UserAgent: "switchyard-local-provider/" + Version,
	})
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	s.mu.Lock()
	if name := differs(s.set, values); name != "" {
		before := s.set[name]
		s.mu.Unlock()
		return nil, status.Errorf(codes.InvalidArgument,
			"the program has two azure-native providers whose %s differ, %q and %q: %s can't keep them apart; use one provider, and set the location on the resources",
			name, before, values[name], Name)
	}
	s.client, s.where, s.set = client, values["location"], values
	s.mu.Unlock()
	s.log.Info(Name+" configured", "metadataHost", values["metadataHost"],
		"subscription", values["subscriptionId"], "location", values["location"])
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true,
		SupportsAutonamingConfiguration: true}, nil
}

// differs names a setting that two configurations of one engine have differently; ""
// if there is none. Its value is not a secret.
func differs(a, b map[string]string) string {
	for _, x := range settings {
		if a != nil && a[x.name] != b[x.name] && x.name != "clientSecret" {
			return x.name
		}
	}
	return ""
}

// text takes the quotes off a configuration value that came as JSON.
func text(s string) string {
	var inner string
	if strings.HasPrefix(s, `"`) && json.Unmarshal([]byte(s), &inner) == nil {
		return inner
	}
	return s
}

// Check names the resource, gives it a location and refuses inputs that the
// vendor's SDKs do not have.
func (s *Server) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	k, _, err := kindOf(typeOf(req.GetType(), req.GetUrn()))
	if err != nil {
		return nil, status.Error(codes.Unimplemented, err.Error())
	}
	ctx, cancel := s.call(ctx, 0)
	defer cancel()
	olds, err := properties(req.GetOlds(), "olds")
	if err != nil {
		return nil, err
	}
	news, err := properties(req.GetNews(), "news")
	if err != nil {
		return nil, err
	}
	for name := range news {
		if news[name].IsNull() {
			delete(news, name)
		}
	}
	var failures []*pulumirpc.CheckFailure
	fail := func(property, format string, a ...any) {
		failures = append(failures, &pulumirpc.CheckFailure{Property: property, Reason: fmt.Sprintf(format, a...)})
	}
	if k.name != "" && !has(news, k.name) {
		name, err := nameFor(k, req, olds)
		if err != nil {
			fail(k.name, "%v", err)
		} else {
			news[resource.PropertyKey(k.name)] = resource.NewStringProperty(name)
		}
	}
	for _, p := range k.params {
		if !has(news, p) {
			fail(p, "missing required property %q", p)
		} else if v := open(news[resource.PropertyKey(p)]); !v.IsComputed() &&
			(!v.IsString() || v.StringValue() == "") {
			fail(p, "%q must be a text that is not empty", p)
		}
	}
	for name, v := range k.sdk {
		if !has(news, name) {
			news[resource.PropertyKey(name)] = resource.NewPropertyValue(v)
		}
	}
	if k.location != noLocation && !has(news, "location") && len(failures) == 0 {
		where, err := s.locationFor(ctx, k, news, olds)
		if err != nil {
			fail("location", "%v", err)
		} else {
			news["location"] = where
		}
	}
	var names []string
	for name := range news {
		names = append(names, string(name))
	}
	slices.Sort(names)
	for _, name := range names {
		if !k.isInput(name) && !isForeign(name) {
			fail(name, "%s has no input %q", k.token, name)
		}
	}
	if known, err := plain(news); err == nil {
		if _, err := k.body(known); err != nil {
			fail("", "%v", err)
		}
	}
	inputs, err := message(news, "inputs")
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: inputs, Failures: failures}, nil
}

// isForeign says that a member of a resource's inputs was put there by the engine or,
// in a stack that the vendor's plugin managed before, by that.
func isForeign(name string) bool { return strings.HasPrefix(name, "__") || name == "azureApiVersion" }

func has(m resource.PropertyMap, name string) bool {
	v, ok := m[resource.PropertyKey(name)]
	return ok && !v.IsNull()
}

// locationFor is the location of a resource that names none: what it had, what the
// configuration says, or that of its group, as with the vendor's plugin. It is
// unknown while the group is.
func (s *Server) locationFor(ctx context.Context, k *kind, news, olds resource.PropertyMap) (
	resource.PropertyValue, error) {
	if old := open(olds["location"]); old.IsString() {
		return old, nil
	}
	if where := s.location(); where != "" {
		return resource.NewStringProperty(where), nil
	}
	missing := fmt.Errorf(
		"missing required property %q, and the provider has no default: set azure-native:location", "location")
	if k.location != ofGroup {
		return resource.PropertyValue{}, missing
	}
	group := open(news["resourceGroupName"])
	if group.IsComputed() {
		return unknown(), nil
	}
	arm, err := s.arm()
	if err != nil {
		return resource.PropertyValue{}, err
	}
	rg := byToken["resources:ResourceGroup"]
	id, err := rg.id(arm.SubscriptionID(), map[string]string{"resourceGroupName": group.StringValue()})
	if err != nil {
		return resource.PropertyValue{}, err
	}
	r, err := arm.Do(ctx, "GET", id, rg.apiVersion, nil)
	if armclient.IsNotFound(err) {
		// In a preview the group may be about to be made; otherwise Create will say
		// that the location is not known.
		return unknown(), nil
	}
	if err != nil {
		return resource.PropertyValue{}, err
	}
	if where, ok := r.Body["location"].(string); ok && where != "" {
		return resource.NewStringProperty(where), nil
	}
	return resource.PropertyValue{}, missing
}
