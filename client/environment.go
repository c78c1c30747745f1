package client

import (
	"slices"
	"strings"

	"switchyard/auth/identityhttp"
)

// A Variable is one environment variable.
type Variable struct{ Name, Value string }

// Environment returns the variables with which Pulumi, Terraform, the Azure
// SDKs and the az CLI find this Switchyard [ARM 4.4, 12]. Those that would be empty are
// left out: in strict mode the one that logs in says as whom.
func (e Endpoints) Environment() []Variable {
	host := strings.TrimPrefix(e.HTTPS, "https://")
	vars := []Variable{
		{"ARM_METADATA_HOSTNAME", host},
		{"ARM_DISABLE_INSTANCE_DISCOVERY", "true"},
		{"ARM_SUBSCRIPTION_ID", e.SubscriptionID},
		{"ARM_TENANT_ID", e.TenantID},
		{"ARM_CLIENT_ID", e.ClientID},
		{"ARM_CLIENT_SECRET", e.ClientSecret},
		// azapi reads no metadata. Its login endpoint, its Resource Manager and what
		// tokens for that are asked for are three variables, which count only with
		// this environment.
		{"ARM_ENVIRONMENT", "custom"},
		{"ARM_ACTIVE_DIRECTORY_AUTHORITY_HOST", e.HTTPS + "/"},
		{"ARM_RESOURCE_MANAGER_ENDPOINT", e.HTTPS},
		{"ARM_RESOURCE_MANAGER_AUDIENCE", e.HTTPS},
		{"AZURE_AUTHORITY_HOST", e.HTTPS + "/"},
		{"AZURE_SUBSCRIPTION_ID", e.SubscriptionID},
		{"AZURE_TENANT_ID", e.TenantID},
		{"AZURE_CLIENT_ID", e.ClientID},
		{"AZURE_CLIENT_SECRET", e.ClientSecret},
		// The newer az CLI takes the login endpoint without /adfs, and would ask the
		// public cloud whether that is known.
		{"AZURE_CORE_INSTANCE_DISCOVERY", "false"},
		// Managed identity in the style of App Service.
		{"IDENTITY_ENDPOINT", e.HTTP + identityhttp.AppServicePath},
		{"IDENTITY_HEADER", e.Token},
		// Go and Python replace their list of authorities by these, so they hold the
		// system's too; Node adds to its own.
		{"SSL_CERT_FILE", e.BundleFile},
		{"REQUESTS_CA_BUNDLE", e.BundleFile},
		{"NODE_EXTRA_CA_CERTS", e.CAFile},
		{"SWITCHYARD_CONNECTION_STRING", e.ConnectionString},
	}
	return slices.DeleteFunc(vars, func(v Variable) bool { return v.Value == "" })
}
