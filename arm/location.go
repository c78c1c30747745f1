package arm

import (
	"net/http"
	"strings"

	"switchyard/value"
)

// NormalLocation is the short form of a location's name: West Europe and
// westeurope are the same [ARM 5.1].
func NormalLocation(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }

// ReadLocation reads the location of a tracked resource from a PUT's body, in
// its short form. It fails with LocationRequired if there is none, and with
// LocationNotAvailableForResourceType if Azure has no such region.
func ReadLocation(body *value.Object, resourceType string) (string, error) {
	v, _ := body.Lookup("location")
	s, isString := v.(string)
	if v != nil && !isString {
		return "", InvalidContent("The request content was invalid and could not be deserialized: 'location' "+
			"is %s, but should be a string.", kindNames.Of(v))
	}
	s = NormalLocation(s)
	if s == "" {
		return "", Errorf(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
	}
	if _, ok := LookUpRegion(s); !ok {
		return "", Errorf(http.StatusBadRequest, "LocationNotAvailableForResourceType",
			"The provided location '%s' is not available for resource type '%s'. List of available regions for "+
				"the resource type is '%s'.",
			clip(s), resourceType, strings.Join(RegionNames(), ","))
	}
	return s, nil
}

// A Region is one of Azure's public regions.
type Region struct {
	Name          string // short form: westeurope
	DisplayName   string
	Group         string // geography group: Europe
	Recommended   bool   // has availability zones
	Longitude     string
	Latitude      string
	PhysicalPlace string
	Paired        string // short name; "": none
}

// RegionalDisplayName is the name with its geography: (Europe) West Europe.
func (r Region) RegionalDisplayName() string {
	return "(" + r.Group + ") " + r.DisplayName
}

// LookUpRegion finds a region by its short name.
func LookUpRegion(name string) (Region, bool) {
	for _, r := range regions {
		if r.Name == name {
			return r, true
		}
	}
	return Region{}, false
}

// Regions returns all regions. The caller must not change them.
func Regions() []Region { return regions }

// RegionNames returns the short names of all regions.
func RegionNames() []string {
	names := make([]string, len(regions))
	for i, r := range regions {
		names[i] = r.Name
	}
	return names
}

const (
	us          = "US"
	europe      = "Europe"
	asia        = "Asia Pacific"
	canada      = "Canada"
	mexico      = "Mexico"
	southAm     = "South America"
	africa      = "Africa"
	middleEast  = "Middle East"
	recommended = true
	other       = false
)

// regions is the list of public regions as GET /locations has it [ARM 5.1].
var regions = []Region{
	{"eastus", "East US", us, recommended, "-79.8164", "37.3719", "Virginia", "westus"},
	{"westus2", "West US 2", us, recommended, "-119.852", "47.233", "Washington", "westcentralus"},
	{"australiaeast", "Australia East", asia, recommended, "151.2094", "-33.86", "New South Wales", "australiasoutheast"},
	{"southeastasia", "Southeast Asia", asia, recommended, "103.833", "1.283", "Singapore", "eastasia"},
	{"northeurope", "North Europe", europe, recommended, "-6.2597", "53.3478", "Ireland", "westeurope"},
	{"swedencentral", "Sweden Central", europe, recommended, "17.14127", "60.67488", "Gävle", ""},
	{"westeurope", "West Europe", europe, recommended, "4.9", "52.3667", "Netherlands", "northeurope"},
	{"uksouth", "UK South", europe, recommended, "-0.799", "50.941", "London", "ukwest"},
	{"austriaeast", "Austria East", europe, recommended, "16.3738", "48.2082", "Vienna", ""},
	{"centralus", "Central US", us, recommended, "-93.6208", "41.5908", "Iowa", "eastus2"},
	{"southafricanorth", "South Africa North", africa, recommended, "28.21837", "-25.73134", "Johannesburg", "southafricawest"},
	{"centralindia", "Central India", asia, recommended, "73.9197", "18.5822", "Pune", "southindia"},
	{"eastasia", "East Asia", asia, recommended, "114.188", "22.267", "Hong Kong", "southeastasia"},
	{"indonesiacentral", "Indonesia Central", asia, recommended, "106.816666", "-6.2", "Jakarta", ""},
	{"japaneast", "Japan East", asia, recommended, "139.77", "35.68", "Tokyo, Saitama", "japanwest"},
	{"japanwest", "Japan West", asia, recommended, "135.5022", "34.6939", "Osaka", "japaneast"},
	{"koreacentral", "Korea Central", asia, recommended, "126.978", "37.5665", "Seoul", "koreasouth"},
	{"malaysiawest", "Malaysia West", asia, recommended, "101.693207", "3.140853", "Kuala Lumpur", ""},
	{"newzealandnorth", "New Zealand North", asia, recommended, "174.76349", "-36.84853", "Auckland", ""},
	{"canadacentral", "Canada Central", canada, recommended, "-79.383", "43.653", "Toronto", "canadaeast"},
	{"belgiumcentral", "Belgium Central", europe, recommended, "4.355707169", "50.84553528", "Brussels", ""},
	{"francecentral", "France Central", europe, recommended, "2.373", "46.3772", "Paris", "francesouth"},
	{"germanywestcentral", "Germany West Central", europe, recommended, "8.682127", "50.110924", "Frankfurt", "germanynorth"},
	{"italynorth", "Italy North", europe, recommended, "9.18109", "45.46888", "Milan", ""},
	{"norwayeast", "Norway East", europe, recommended, "10.752245", "59.913868", "Norway", "norwaywest"},
	{"polandcentral", "Poland Central", europe, recommended, "21.01666", "52.23334", "Warsaw", ""},
	{"spaincentral", "Spain Central", europe, recommended, "3.4209", "40.4259", "Madrid", ""},
	{"switzerlandnorth", "Switzerland North", europe, recommended, "8.564572", "47.451542", "Zurich", "switzerlandwest"},
	{"mexicocentral", "Mexico Central", mexico, recommended, "-100.389888", "20.588818", "Querétaro State", ""},
	{"uaenorth", "UAE North", middleEast, recommended, "55.316666", "25.266666", "Dubai", "uaecentral"},
	{"brazilsouth", "Brazil South", southAm, recommended, "-46.633", "-23.55", "Sao Paulo State", "southcentralus"},
	{"chilecentral", "Chile Central", southAm, recommended, "-70.673676", "-33.447487", "Santiago", ""},
	{"israelcentral", "Israel Central", middleEast, recommended, "33.4506633", "31.2655698", "Israel", ""},
	{"qatarcentral", "Qatar Central", middleEast, recommended, "51.439327", "25.551462", "Doha", ""},
	{"eastus2", "East US 2", us, recommended, "-78.3889", "36.6681", "Virginia", "centralus"},
	{"southcentralus", "South Central US", us, recommended, "-98.5", "29.4167", "Texas", "northcentralus"},
	{"westus3", "West US 3", us, recommended, "-112.074036", "33.448376", "Phoenix", "eastus"},
	{"northcentralus", "North Central US", us, other, "-87.6278", "41.8819", "Illinois", "southcentralus"},
	{"westus", "West US", us, other, "-122.417", "37.783", "California", "eastus"},
	{"westcentralus", "West Central US", us, other, "-110.234", "40.89", "Wyoming", "westus2"},
	{"southafricawest", "South Africa West", africa, other, "18.843266", "-34.075691", "Cape Town", "southafricanorth"},
	{"australiacentral", "Australia Central", asia, other, "149.1244", "-35.3075", "Canberra", "australiacentral2"},
	{"australiacentral2", "Australia Central 2", asia, other, "149.1244", "-35.3075", "Canberra", "australiacentral"},
	{"australiasoutheast", "Australia Southeast", asia, other, "144.9631", "-37.8136", "Victoria", "australiaeast"},
	{"koreasouth", "Korea South", asia, other, "129.0756", "35.1796", "Busan", "koreacentral"},
	{"southindia", "South India", asia, other, "80.1636", "12.9822", "Chennai", "centralindia"},
	{"westindia", "West India", asia, other, "72.868", "19.088", "Mumbai", "southindia"},
	{"jioindiacentral", "Jio India Central", asia, other, "79.08886", "21.146633", "Nagpur", "jioindiawest"},
	{"jioindiawest", "Jio India West", asia, other, "70.05773", "22.470701", "Jamnagar", "jioindiacentral"},
	{"canadaeast", "Canada East", canada, other, "-71.217", "46.817", "Quebec", "canadacentral"},
	{"francesouth", "France South", europe, other, "2.1972", "43.8345", "Marseille", "francecentral"},
	{"germanynorth", "Germany North", europe, other, "8.806422", "53.073635", "Berlin", "germanywestcentral"},
	{"norwaywest", "Norway West", europe, other, "5.733107", "58.969975", "Norway", "norwayeast"},
	{"switzerlandwest", "Switzerland West", europe, other, "6.143158", "46.204391", "Geneva", "switzerlandnorth"},
	{"ukwest", "UK West", europe, other, "-3.084", "53.427", "Cardiff", "uksouth"},
	{"uaecentral", "UAE Central", middleEast, other, "54.366669", "24.466667", "Abu Dhabi", "uaenorth"},
	{"brazilsoutheast", "Brazil Southeast", southAm, other, "-43.2075", "-22.90278", "Rio", "brazilsouth"},
}
