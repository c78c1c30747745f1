// Package resourcesrp is the resource provider of what every other one stands
// on: subscriptions, tenants and locations, resource groups, the list of
// providers, tags and generic lists of resources [ARM 5], and with them
// Microsoft.Authorization's role assignments. Locks and diagnostic settings are
// empty lists.
//
// Resource groups are the package's own, and so is their cascading deletion: a
// long-running operation that lets every provider delete what it has in the
// group and that continues after a crash.
//
// Records, in the control plane's store:
//
//	resources/groups/<subscription>/<name in lower case, escaped>   group record
//	resources/subscriptions/<subscription>                          tags
//	authorization/assignments/<ID in lower case>                    role assignment
//
// Each is JSON with a version. Changes are serialised by one mutex that is held
// until the change is durable, so what a request reads is always on disk.
package resourcesrp
