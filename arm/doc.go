// Package arm is the kernel of the control plane: what every resource provider
// of Azure Resource Manager has in common. It reads a request's path into a
// [ResourceID], checks authentication, api-version and body, finds the
// [Provider], and writes what the provider answers with the headers and the
// error envelope that Azure's clients expect. Long-running operations, paging
// and preconditions are here too.
//
// It knows no resource of any provider. Resource groups are the exception that
// it must ask for: the provider that implements [Groups] keeps them.
//
// The kernel owns the goroutines of long-running operations, from
// [Kernel.Start] to [Kernel.Close]; requests run on the goroutines of the HTTP
// server.
//
// Sections in comments are those of the resource manager specification.
package arm
