package identityhttp

import "time"

// Resources of the control plane beside our own host: what tokens are asked for
// by clients that were told only where to find us.
var managementAudiences = []string{"https://management.core.windows.net/", "https://management.azure.com/"}

// metadata describes the cloud, in the shape of the version asked for
// [ARM 4.1]. What is not served here has the public cloud's values, except that
// no client is led to present our tokens to it.
func (c *call) metadata() error {
	version := c.URL.Query().Get("api-version")
	if version == "" {
		return badRequest("MissingApiVersionParameter", 0,
			"The api-version query parameter (?api-version=) is required for all requests.")
	}
	day := version
	if len(day) > 10 && day[10:] == "-preview" {
		day = day[:10]
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return badRequest("InvalidApiVersionParameter", 0,
			"The api-version '%s' is invalid.", printable(version, 40))
	}
	switch {
	case day < "2018":
		return c.reply(c.oldCloud())
	case day >= "2019" && day < "2022-09-01":
		return c.reply([]any{c.cloud()})
	}
	return c.reply(c.cloud())
}

// oldCloud is all that az needs to register a cloud by one option. Its login
// endpoint is the one for AD FS: with another, az asks Microsoft's about it.
func (c *call) oldCloud() any {
	return map[string]any{
		"galleryEndpoint": c.base + "/",
		"graphEndpoint":   c.base + "/graph",
		"portalEndpoint":  c.base + "/",
		"authentication": map[string]any{
			"loginEndpoint": c.base + "/" + adfs,
			"audiences":     c.audiences(),
		},
	}
}

func (c *call) audiences() []string { return append([]string{c.base}, managementAudiences...) }

func (c *call) cloud() any {
	return map[string]any{
		"name": c.h.o.CloudName,
		"authentication": map[string]any{
			"loginEndpoint":    c.base,
			"audiences":        c.audiences(),
			"tenant":           "common",
			"identityProvider": "AAD",
		},
		"resourceManager":                       c.base + "/",
		"portal":                                c.base + "/",
		"gallery":                               c.base + "/",
		"media":                                 "https://rest.media.azure.net",
		"graph":                                 "https://graph.windows.net/",
		"graphAudience":                         "https://graph.windows.net/",
		"microsoftGraphResourceId":              "https://graph.microsoft.com/",
		"batch":                                 "https://batch.core.windows.net/",
		"vmImageAliasDoc":                       "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json",
		"activeDirectoryDataLake":               "https://datalake.azure.net/",
		"sqlManagement":                         "https://management.core.windows.net:8443/",
		"appInsightsResourceId":                 "https://api.applicationinsights.io",
		"appInsightsTelemetryChannelResourceId": "https://dc.applicationinsights.azure.com/v2/track",
		"attestationResourceId":                 "https://attest.azure.net",
		"synapseAnalyticsResourceId":            "https://dev.azuresynapse.net",
		"logAnalyticsResourceId":                "https://api.loganalytics.io",
		"ossrDbmsResourceId":                    "https://ossrdbms-aad.database.windows.net",
		"suffixes": map[string]string{
			"storage":                             "core.windows.net",
			"storageSyncEndpointSuffix":           "afs.azure.net",
			"keyVaultDns":                         "vault.azure.net",
			"mhsmDns":                             "managedhsm.azure.net",
			"acrLoginServer":                      "azurecr.io",
			"sqlServerHostname":                   "database.windows.net",
			"mysqlServerEndpoint":                 "mysql.database.azure.com",
			"postgresqlServerEndpoint":            "postgres.database.azure.com",
			"mariadbServerEndpoint":               "mariadb.database.azure.com",
			"azureDataLakeStoreFileSystem":        "azuredatalakestore.net",
			"azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
			"attestationEndpoint":                 "attest.azure.net",
			"synapseAnalytics":                    "dev.azuresynapse.net",
		},
	}
}
