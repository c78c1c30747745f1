package program

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

// Target is where the system runs.
type Target string

// The targets.
const (
	Switchyard Target = "switchyard" // a running Switchyard: its trigger, its activities
	Azure      Target = "azure"      // Azure itself: a schedule, and Service Bus over HTTP
)

// Config is what a stack may set.
type Config struct {
	Target          Target
	Location        string // region of everything
	Tier            string // of the namespace: Basic, Standard or Premium; Basic has no topics
	ModelEndpoint   string // of an Azure AI Language resource, without a path
	ModelResourceID string // that resource, to give the factory a role on it; may be ""
}

// ReadConfig reads the stack's configuration.
func ReadConfig(ctx *pulumi.Context) (Config, error) {
	c := config.New(ctx, "")
	target := Azure
	if os.Getenv("ARM_METADATA_HOSTNAME") != "" {
		target = Switchyard
	}
	get := func(key, otherwise string) string {
		if v := c.Get(key); v != "" {
			return v
		}
		return otherwise
	}
	out := Config{
		Target:          Target(get("target", string(target))),
		Location:        get("location", "westeurope"),
		Tier:            get("tier", "Standard"),
		ModelEndpoint:   c.Get("modelEndpoint"),
		ModelResourceID: c.Get("modelResourceId"),
	}
	switch out.Target {
	case Switchyard:
		if out.ModelEndpoint == "" {
			out.ModelEndpoint = "switchyard:language" // the endpoint inside Switchyard
		}
	case Azure:
		if out.ModelEndpoint == "" {
			return Config{}, fmt.Errorf(
				"the target azure needs %s:modelEndpoint, the endpoint of an Azure AI Language resource", ctx.Project())
		}
	default:
		return Config{}, fmt.Errorf("%s:target is %q; want %q or %q", ctx.Project(), out.Target, Switchyard, Azure)
	}
	switch out.Tier {
	case "Basic", "Standard", "Premium":
	default:
		return Config{}, fmt.Errorf("%s:tier is %q; want Basic, Standard or Premium", ctx.Project(), out.Tier)
	}
	return out, nil
}

// topics says that the tier has topics.
func (c Config) topics() bool { return c.Tier != "Basic" }
