package servicebusrp

import (
	"slices"
	"strings"

	"switchyard/arm"
	"switchyard/broker"
	"switchyard/value"
)

// readNamespace reads the body of a PUT or PATCH into an envelope that holds the
// defaults or the present values. old is the present namespace, if there is one.
func (p *Provider) readNamespace(r *arm.Request, e *envelope, old envelope) error {
	body := arm.Read(r.Body, arm.BadRequest)
	if location, ok := body.String("location"); ok {
		e.Location = arm.NormalLocation(location)
	}
	if tags := body.Tags(); tags != nil {
		e.Tags = nil
		if tags.Len() > 0 {
			e.Tags = value.Append(nil, tags)
		}
	}
	p.readSKU(body, e)
	p.readIdentity(body, e, old)
	readNamespaceProperties(body, e)
	body.Ignore("id", "name", "type", "systemData")
	body.Close()
	if err := body.Err(); err != nil {
		return err
	}
	if e.SKU != broker.SKUPremium {
		e.Capacity, e.Partitions = 0, 0
	} else {
		e.Capacity, e.Partitions = max(e.Capacity, 1), max(e.Partitions, 1)
	}
	return nil
}

func (p *Provider) readSKU(body *arm.Reader, e *envelope) {
	sku, ok := body.Object("sku")
	if !ok {
		return
	}
	name, named := sku.String("name")
	tier, tiered := sku.String("tier")
	if !named {
		name = tier
	}
	i := slices.IndexFunc([]string{broker.SKUBasic, broker.SKUStandard, broker.SKUPremium},
		func(s string) bool { return strings.EqualFold(s, name) })
	switch {
	case i < 0:
		sku.Fail("name", "'%s' is not Basic, Standard or Premium", name)
	case tiered && !strings.EqualFold(tier, name):
		sku.Fail("tier", "'%s' is not the name '%s'", tier, name)
	default:
		e.SKU = [...]string{broker.SKUBasic, broker.SKUStandard, broker.SKUPremium}[i]
	}
	if capacity, ok := sku.Int("capacity"); ok {
		if e.SKU == broker.SKUPremium && !slices.Contains([]int64{1, 2, 4, 8, 16}, capacity) {
			sku.Fail("capacity", "%d is not 1, 2, 4, 8 or 16", capacity)
		}
		if e.SKU != broker.SKUPremium && capacity > 1 {
			sku.Fail("capacity", "only a Premium namespace has messaging units")
		}
		e.Capacity = capacity
	}
	sku.Close()
}

// readIdentity keeps the principal of an identity that is there already.
func (p *Provider) readIdentity(body *arm.Reader, e *envelope, old envelope) {
	identity, ok := body.Object("identity")
	if !ok {
		return
	}
	kind, _ := identity.String("type")
	identity.Ignore("principalId", "tenantId")
	if users, ok := identity.Value("userAssignedIdentities"); ok && !isEmpty(users) {
		identity.Fail("userAssignedIdentities", "user-assigned identities are not supported")
	}
	switch strings.ToLower(strings.ReplaceAll(kind, " ", "")) {
	case "none":
		e.PrincipalID = ""
	case "systemassigned":
		if e.PrincipalID = old.PrincipalID; e.PrincipalID != "" {
			break
		}
		id, err := arm.NewGUID(p.o.Rand)
		if err != nil {
			identity.Fail("type", "%v", err)
		}
		e.PrincipalID = id
	case "userassigned", "systemassigned,userassigned":
		identity.Fail("type", "user-assigned identities are not supported")
	default:
		identity.Fail("type", "'%s' is not None or SystemAssigned", kind)
	}
	identity.Close()
}

// readNamespaceProperties accepts what can be kept or is as it is anyway, and
// refuses by name what would have to have an effect.
func readNamespaceProperties(body *arm.Reader, e *envelope) {
	props, ok := body.Object("properties")
	if !ok {
		return
	}
	if v, ok := props.String("minimumTlsVersion"); ok {
		if !slices.Contains([]string{"1.0", "1.1", "1.2"}, v) {
			props.Fail("minimumTlsVersion", "'%s' is not 1.0, 1.1 or 1.2", v)
		}
		e.MinimumTLSVersion = v
	}
	if v, ok := props.Bool("zoneRedundant"); ok {
		e.ZoneRedundant = v
	}
	if v, ok := props.Int("premiumMessagingPartitions"); ok {
		if v != 0 && (e.SKU != broker.SKUPremium || !slices.Contains([]int64{1, 2, 4}, v)) {
			props.Fail("premiumMessagingPartitions", "%d is not 1, 2 or 4 in a Premium namespace", v)
		}
		e.Partitions = v
	}
	if v, ok := props.String("publicNetworkAccess"); ok && !strings.EqualFold(v, "Enabled") {
		props.Fail("publicNetworkAccess", "only Enabled is supported")
	}
	if v, _ := props.Bool("disableLocalAuth"); v {
		props.Fail("disableLocalAuth", "it can't be set: namespaces without shared access keys are not supported")
	}
	if v, _ := props.String("alternateName"); v != "" {
		props.Fail("alternateName", "geo-disaster recovery is not supported")
	}
	for _, name := range []string{"encryption", "geoDataReplication"} {
		if o, ok := props.Value(name); ok && !isEmpty(o) {
			props.Fail(name, "it is not supported")
		}
	}
	if v, ok := props.Value("privateEndpointConnections"); ok && !isEmpty(v) {
		props.Fail("privateEndpointConnections", "private endpoints are not supported")
	}
	if v, ok := props.Value("platformCapabilities"); ok && !isEmpty(v) {
		props.Fail("platformCapabilities", "confidential compute is not supported")
	}
	props.Ignore("provisioningState", "status", "createdAt", "updatedAt", "serviceBusEndpoint", "metricId")
	props.Close()
}

func isEmpty(v value.Value) bool {
	switch v := v.(type) {
	case *value.Object:
		return v.Len() == 0
	case value.Array:
		return len(v) == 0
	}
	return false
}
