// Command pulumi is the program of `pulumi up` in this folder.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/program"
)

func main() { pulumi.Run(program.Deploy) }
