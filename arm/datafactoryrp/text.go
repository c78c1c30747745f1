package datafactoryrp

import (
	"switchyard/arm"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// Definitions are answered as text, not as values: they go back as they came.

// typeInID is how a kind is spelled in the path of an ID. The type in a reply
// is spelled as factory.Kind does [ARM 7.2]: lower case where the path is not.
var typeInID = map[factory.Kind]string{
	factory.Pipelines:              "pipelines",
	factory.Datasets:               "datasets",
	factory.LinkedServices:         "linkedservices",
	factory.Triggers:               "triggers",
	factory.DataFlows:              "dataflows",
	factory.IntegrationRuntimes:    "integrationRuntimes",
	factory.Credentials:            "credentials",
	factory.ManagedVirtualNetworks: "managedVirtualNetworks",
}

// resourceID is the ID of a factory.
func resourceID(id factory.ID) arm.ResourceID {
	return arm.ResourceID{Subscription: id.Subscription, ResourceGroup: id.ResourceGroup, Provider: Namespace,
		Types: []string{"factories"}, Names: []string{id.Factory}}
}

// object is the text of a JSON object that is being written.
type object []byte

func (o *object) raw(name string, text []byte) {
	if len(*o) == 0 {
		*o = append(*o, '{')
	} else {
		*o = append(*o, ',')
	}
	*o = append(append(value.Append(*o, name), ':'), text...)
}

func (o *object) set(name string, v value.Value) { o.raw(name, value.Append(nil, v)) }

// members adds those of another object's text.
func (o *object) members(text []byte) {
	inner := text[1 : len(text)-1]
	if len(inner) == 0 {
		return
	}
	if len(*o) == 0 {
		*o = append(*o, '{')
	} else {
		*o = append(*o, ',')
	}
	*o = append(*o, inner...)
}

func (o *object) end() []byte {
	if len(*o) == 0 {
		return []byte(`{}`)
	}
	return append(*o, '}')
}

// factoryText is [ADF-REST 4]; its etag has quotes in it, unlike those of what
// is in the factory [ARM 7.1].
func factoryText(r *factory.Resource) []byte {
	var props object
	props.set("provisioningState", r.ProvisioningState)
	props.set("createTime", value.Timestamp(r.Created))
	props.set("version", APIVersion)
	props.members(r.Properties)
	var o object
	o.set("name", r.ID.Factory)
	o.set("id", resourceID(r.ID).String())
	o.set("type", Namespace+"/factories")
	o.raw("properties", props.end())
	o.set("eTag", `"`+r.ETag+`"`)
	o.set("location", r.Location)
	if i := r.Identity; i != nil {
		var id object
		id.set("type", i.Type)
		id.set("principalId", i.PrincipalID)
		id.set("tenantId", i.TenantID)
		o.raw("identity", id.end())
	}
	o.raw("tags", r.Tags)
	return o.end()
}

// definitionText is [ARM 7.2]. read says that it is not the answer to a PUT: a
// pipeline then tells when it was put.
func definitionText(id factory.ID, d *factory.Definition, read bool) []byte {
	props := d.Properties
	if read && d.Kind == factory.Pipelines {
		props = factory.WithMember(props, "lastPublishTime", value.Append(nil, value.Timestamp(d.Published)))
	}
	return childText(resourceID(id).Child(typeInID[d.Kind], d.Name).String(), d.Name,
		d.Kind.String(), props, d.ETag)
}

func childText(id, name, kind string, properties []byte, etag string) []byte {
	var o object
	o.set("id", id)
	o.set("name", name)
	o.set("type", Namespace+"/factories/"+kind)
	o.raw("properties", properties)
	o.set("etag", etag)
	return o.end()
}

func parsed(text []byte) *value.Object {
	v, err := value.Parse(text)
	if err != nil {
		panic("datafactoryrp: " + err.Error()) // the manager has read every part
	}
	return v.(*value.Object)
}

// reply answers 200 with a text.
func reply(text []byte) *arm.Response {
	resp := arm.OK(parsed(text)) // the tags API reads Body
	resp.Raw = text
	return resp
}
