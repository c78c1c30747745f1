// Package azure declares the resources that the program uses as thin structs over
// Pulumi's own registration, with the tokens and property names of the vendor's
// azure-native package, whose generated Go code is too large to fetch for a dozen
// resources. Programs that use it run with the vendor's plugin and with Switchyard's
// local provider alike.
package azure

import (
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// token is the name of a type or function of the vendor's package.
func token(name string) string { return "azure-native:" + name }

// inputs reads the fields of a struct of arguments by their pulumi tags; a nil field
// is an input that is not given.
func inputs(args any) pulumi.Map {
	m := pulumi.Map{}
	v := reflect.ValueOf(args)
	for i := range v.NumField() {
		if in, ok := v.Field(i).Interface().(pulumi.Input); ok && in != nil {
			m[v.Type().Field(i).Tag.Get("pulumi")] = in
		}
	}
	return m
}

// register declares a resource; r is its struct of outputs.
func register[R pulumi.CustomResource](ctx *pulumi.Context, name, logical string, args any, r R,
	opts []pulumi.ResourceOption) (R, error) {
	err := ctx.RegisterResource(token(name), logical, inputs(args), r, opts...)
	return r, err
}

// call calls a function whose answer may be secret, which Invoke refuses: the caller
// keeps it secret.
func call(ctx *pulumi.Context, name string, args map[string]any, result any) error {
	_, err := ctx.InvokePackageRaw(token(name), args, result, "")
	return err
}

// ResourceGroup holds the other resources.
type ResourceGroup struct {
	pulumi.CustomResourceState
	Name     pulumi.StringOutput `pulumi:"name"`
	Location pulumi.StringOutput `pulumi:"location"`
}

// ResourceGroupArgs are its inputs. Without a name it is made from the logical one,
// as with every resource here.
type ResourceGroupArgs struct {
	ResourceGroupName pulumi.StringInput    `pulumi:"resourceGroupName"`
	Location          pulumi.StringInput    `pulumi:"location"`
	Tags              pulumi.StringMapInput `pulumi:"tags"`
}

// NewResourceGroup declares a resource group.
func NewResourceGroup(ctx *pulumi.Context, name string, args ResourceGroupArgs,
	opts ...pulumi.ResourceOption) (*ResourceGroup, error) {
	return register(ctx, "resources:ResourceGroup", name, args, &ResourceGroup{}, opts)
}

// RoleAssignment gives a principal a role on a scope.
type RoleAssignment struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// RoleAssignmentArgs are its inputs. Scope is a resource ID, RoleDefinitionId the ID
// of the role in its subscription.
type RoleAssignmentArgs struct {
	Scope            pulumi.StringInput `pulumi:"scope"`
	PrincipalId      pulumi.StringInput `pulumi:"principalId"`
	PrincipalType    pulumi.StringInput `pulumi:"principalType"`
	RoleDefinitionId pulumi.StringInput `pulumi:"roleDefinitionId"`
}

// NewRoleAssignment declares a role assignment.
func NewRoleAssignment(ctx *pulumi.Context, name string, args RoleAssignmentArgs,
	opts ...pulumi.ResourceOption) (*RoleAssignment, error) {
	return register(ctx, "authorization:RoleAssignment", name, args, &RoleAssignment{}, opts)
}

// ClientToken logs in as the provider does and returns a token for the resource
// manager.
func ClientToken(ctx *pulumi.Context) (string, error) {
	var result struct {
		Token string `pulumi:"token"`
	}
	err := call(ctx, "authorization:getClientToken", map[string]any{}, &result)
	return result.Token, err
}
