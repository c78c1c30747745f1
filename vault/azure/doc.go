// Package azure asks key vaults in Azure for secrets, with a token for the identity of this
// process: the one that azidentity finds in its environment. It reads secrets and does nothing
// else. It has no goroutine.
//
// The wire format is that of the Key Vault REST API: GET {vault}/secrets/{name}/{version},
// 401 with a challenge that names the tenant, and errors as
// {"error":{"code","message","innererror"}}.
//
// A token for one vault opens all that its bearer may read, and the address of a vault is
// written by the author of a linked service. So a token goes to hosts below the domains
// of key vaults only, over TLS, and never after a redirect.
package azure
