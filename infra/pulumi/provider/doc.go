// Package provider is Switchyard's local provider for Pulumi: it serves the plugin
// protocol under the package name azure-native, so that a program written for the
// vendor's provider runs unchanged on a machine that does not have the vendor's
// plugin, and maps resources and functions to Resource Manager requests of the
// endpoint that ARM_METADATA_HOSTNAME names.
//
// It is not the vendor's plugin and says so: in its version (see Version), in its
// log and in its user agent. It knows the resource types of kinds.go; every other
// token is an error that names it. With the vendor's plugin (3.8 or later) at hand,
// use that; for Azure itself, there is no other way.
//
// The rules are those of [ARM 13]: Check names resources and finds their
// location, Diff replaces on a change of path or location, bodies are nested as
// Resource Manager wants them and answers flattened as the programs expect
// them.
//
// A Server has no goroutines of its own; its owner serves it with gRPC.
package provider

// Version is what GetPluginInfo answers. It is no version of the vendor's plugin.
const Version = "0.1.0-switchyard"

// Name is how the provider calls itself to people.
const Name = "Switchyard's local provider"
