package program

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// expression is a value that Data Factory evaluates, for properties that take an
// object.
func expression(s string) pulumi.Map {
	return pulumi.Map{"type": pulumi.String("Expression"), "value": pulumi.String(s)}
}

// after is a list of activities that must have succeeded.
func after(names ...string) pulumi.Array {
	list := pulumi.Array{}
	for _, n := range names {
		list = append(list, pulumi.Map{"activity": pulumi.String(n),
			"dependencyConditions": pulumi.ToStringArray([]string{"Succeeded"})})
	}
	return list
}

// policy tries an activity three times.
func policy() pulumi.Map {
	return pulumi.Map{"timeout": pulumi.String("0.00:10:00"),
		"retry": pulumi.Int(2), "retryIntervalInSeconds": pulumi.Int(30),
		"secureInput": pulumi.Bool(false), "secureOutput": pulumi.Bool(false)}
}

// activity is an activity of one of Azure's types: the members of typeProperties
// stand beside type.
func activity(name, kind string, dependsOn pulumi.Array, properties pulumi.Map) pulumi.Map {
	m := pulumi.Map{"name": pulumi.String(name), "type": pulumi.String(kind), "dependsOn": dependsOn,
		"userProperties": pulumi.Array{}}
	for k, v := range properties {
		m[k] = v
	}
	return m
}

// web is a Web activity. With an audience it logs in with the factory's identity.
func web(name string, dependsOn pulumi.Array, method string, url pulumi.Input, audience string,
	properties pulumi.Map) pulumi.Map {
	m := activity(name, "WebActivity", dependsOn,
		pulumi.Map{"policy": policy(), "method": pulumi.String(method), "url": url})
	if audience != "" {
		m["authentication"] = pulumi.Map{"type": pulumi.String("MSI"), "resource": pulumi.String(audience)}
	}
	for k, v := range properties {
		m[k] = v
	}
	return m
}

// bus is an activity of Switchyard's own: it keeps its typeProperties, because the
// vendor's plugin passes on what it does not know.
func bus(name, kind string, dependsOn pulumi.Array, linkedService pulumi.StringInput,
	typeProperties pulumi.Map) pulumi.Map {
	return activity(name, kind, dependsOn, pulumi.Map{
		"policy": policy(),
		"linkedServiceName": pulumi.Map{"referenceName": linkedService,
			"type": pulumi.String("LinkedServiceReference")},
		"typeProperties": typeProperties,
	})
}
