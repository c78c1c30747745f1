package azure

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// A domain is what key vaults of one cloud are below.
type domain struct {
	suffix string // which with https:// is also what tokens are for
	cloud  cloud.Configuration
}

var domains = []domain{
	{"vault.azure.net", cloud.AzurePublic},
	{"vault.usgovcloudapi.net", cloud.AzureGovernment},
	{"vault.azure.cn", cloud.AzureChina},
}

// authorities are the hosts of Azure's that make tokens.
var authorities = []string{"login.microsoftonline.com", "login.windows.net", "login.microsoftonline.us",
	"login.chinacloudapi.cn", "login.partner.microsoftonline.cn"}

// authorityVariable names the authority that azidentity is configured with.
const authorityVariable = "AZURE_AUTHORITY_HOST"

func configuredAuthority() string {
	u, err := url.Parse(os.Getenv(authorityVariable))
	if err != nil {
		return ""
	}
	return u.Host
}

func azures(host string) bool { return slices.Contains(authorities, strings.ToLower(host)) }

// known reports whether a host is an authority of Azure's, or the one that is configured.
func known(host string) bool {
	return host != "" && (azures(host) || strings.EqualFold(host, configuredAuthority()))
}

// domainOf finds the domain that a vault is below.
func domainOf(host string) (domain, bool) {
	for _, d := range domains {
		if name, ok := strings.CutSuffix(strings.ToLower(host), "."+d.suffix); ok && vaultName.MatchString(name) {
			return d, true
		}
	}
	return domain{}, false
}

var (
	vaultName = regexp.MustCompile(`^[0-9a-z-]{1,127}$`)
	parameter = regexp.MustCompile(`([A-Za-z_]+)="([^"]*)"`)
	tenant    = regexp.MustCompile(`^[0-9A-Za-z.-]{1,255}$`)
)

// tenantOf reads whose tokens a vault takes from the challenge of its 401. It is believed
// only if it names an authority that is known and is for tokens of the vault's domain.
func tenantOf(r *http.Response, d domain) (string, error) {
	header := r.Header.Get("WWW-Authenticate")
	values := map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(header, -1) {
		values[strings.ToLower(m[1])] = m[2]
	}
	authority := values["authorization"]
	if authority == "" {
		authority = values["authorization_uri"]
	}
	u, err := url.Parse(authority)
	if err != nil || u.Scheme != "https" || !known(u.Host) {
		return "", fmt.Errorf("it asks for a token of %q, which is no authority of Azure's; if it is yours, %s names it",
			authority, authorityVariable)
	}
	resource := strings.TrimSuffix(strings.TrimSuffix(values["resource"]+values["scope"], "/.default"), "/")
	if !strings.EqualFold(resource, "https://"+d.suffix) {
		return "", fmt.Errorf("it asks for a token for %q, and not for https://%s", resource, d.suffix)
	}
	id := strings.Trim(u.Path, "/")
	if !tenant.MatchString(id) {
		return "", fmt.Errorf("it names no tenant: %q", authority)
	}
	return id, nil
}
