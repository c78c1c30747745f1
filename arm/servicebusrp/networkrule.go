package servicebusrp

import (
	"context"
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/commit"
	"switchyard/value"
)

// handleNetworkRules answers for the one rule set of a namespace. It lets
// everybody in; rules that would not be enforced are refused.
func (p *Provider) handleNetworkRules(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Action != "" {
		return nil, arm.MethodNotAllowed(r)
	}
	e, err := p.namespaceOf(r.ID)
	if err != nil {
		return nil, parentError(r, namespaceID(r.ID), err)
	}
	switch {
	case r.Collection:
		return arm.List(networkRules(e)), nil
	case !strings.EqualFold(r.ID.Names[1], "default"):
		return nil, p.notFound(r)
	case r.Method == http.MethodGet:
		return arm.OK(networkRules(e)), nil
	case r.Method != http.MethodPut:
		return nil, arm.MethodNotAllowed(r)
	}
	return p.putNetworkRules(ctx, r)
}

func (p *Provider) putNetworkRules(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	body := arm.Read(r.Body, arm.BadRequest)
	props, _ := body.Object("properties")
	if v, ok := props.String("publicNetworkAccess"); ok && !strings.EqualFold(v, "Enabled") {
		props.Fail("publicNetworkAccess", "only Enabled is supported")
	}
	if v, ok := props.String("defaultAction"); ok && !strings.EqualFold(v, "Allow") {
		props.Fail("defaultAction", "only Allow is supported: network rules are not enforced")
	}
	for _, name := range []string{"virtualNetworkRules", "ipRules"} {
		if rules, _ := props.Array(name); len(rules) > 0 {
			props.Fail(name, "network rules are not supported")
		}
	}
	trusted, _ := props.Bool("trustedServiceAccessEnabled")
	props.Close()
	body.Ignore("id", "name", "type", "location", "systemData")
	body.Close()
	if err := body.Err(); err != nil {
		return nil, err
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	e, err := p.namespaceOf(r.ID)
	if err != nil {
		return nil, parentError(r, namespaceID(r.ID), err)
	}
	e.TrustedServices = trusted
	if err := p.apply(ctx, nil, func(u *commit.Unit) { p.putEnvelope(u, e) }); err != nil {
		return nil, err
	}
	return arm.OK(networkRules(e)), nil
}

func networkRules(e envelope) *value.Object {
	return object("id", e.id().Child("networkRuleSets", "default").String(), "name", "default",
		"type", "Microsoft.ServiceBus/Namespaces/NetworkRuleSets", "location", e.Location,
		"properties", object("publicNetworkAccess", "Enabled", "defaultAction", "Allow",
			"virtualNetworkRules", value.Array{}, "ipRules", value.Array{},
			"trustedServiceAccessEnabled", e.TrustedServices))
}
