package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"switchyard/infra/pulumi/provider/armclient"
)

// keyLists are the functions that list the keys of a rule, and the rule's kind.
var keyLists = map[string]string{
	"servicebus:listNamespaceKeys": "servicebus:NamespaceAuthorizationRule",
	"servicebus:listQueueKeys":     "servicebus:QueueAuthorizationRule",
	"servicebus:listTopicKeys":     "servicebus:TopicAuthorizationRule",
}

// secretKeys are the members of an answer to listKeys that nobody may see.
var secretKeys = words(`primaryConnectionString secondaryConnectionString aliasPrimaryConnectionString
	aliasSecondaryConnectionString primaryKey secondaryKey`)

// Invoke calls a function: list…Keys, get… of every resource type, getClientConfig
// and getClientToken.
func (s *Server) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (
	*pulumirpc.InvokeResponse, error) {
	ctx, cancel := s.call(ctx, 0)
	defer cancel()
	t, err := parseToken(req.GetTok())
	if err != nil {
		return nil, status.Error(codes.Unimplemented, err.Error())
	}
	arm, err := s.arm()
	if err != nil {
		return nil, err
	}
	args, err := properties(req.GetArgs(), "arguments")
	if err != nil {
		return nil, err
	}
	in, err := plain(args)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	out, failure, err := function(ctx, arm, t, in)
	if err != nil {
		return nil, answer(ctx, err)
	}
	if failure != nil {
		return &pulumirpc.InvokeResponse{Failures: []*pulumirpc.CheckFailure{failure}}, nil
	}
	result, err := message(out, "result")
	if err != nil {
		return nil, err
	}
	return &pulumirpc.InvokeResponse{Return: result}, nil
}

// function answers a call, or says which argument is missing.
func function(ctx context.Context, arm *armclient.Client, t token, in map[string]any) (
	resource.PropertyMap, *pulumirpc.CheckFailure, error) {
	switch t.key() {
	case "authorization:getClientConfig":
		return resource.NewPropertyMapFromMap(map[string]any{"clientId": arm.ClientID(), "tenantId": arm.TenantID(),
			"subscriptionId": arm.SubscriptionID()}), nil, nil
	case "authorization:getClientToken":
		audience, _ := in["endpoint"].(string)
		if audience == "" {
			cloud, err := arm.Cloud(ctx)
			if err != nil {
				return nil, nil, err
			}
			audience = cloud.Authentication.Audiences[0]
		}
		token, _, err := arm.Token(ctx, audience)
		if err != nil {
			return nil, nil, err
		}
		return resource.PropertyMap{"token": resource.MakeSecret(resource.NewStringProperty(token))}, nil, nil
	}
	if rule, ok := keyLists[t.key()]; ok {
		k := byToken[rule]
		id, failure := idOf(k, arm, in)
		if failure != nil {
			return nil, failure, nil
		}
		r, err := arm.Do(ctx, "POST", id+"/listKeys", version(t, k), nil)
		if err != nil {
			return nil, nil, err
		}
		out := resource.NewPropertyMapFromMap(r.Body)
		for name, v := range out {
			if slices.Contains(secretKeys, string(name)) {
				out[name] = secret(v)
			}
		}
		return out, nil, nil
	}
	if member, ok := strings.CutPrefix(t.Member, "get"); ok {
		if k, ok := byToken[t.Module+":"+member]; ok {
			return get(ctx, arm, k, version(t, k), in)
		}
	}
	return nil, nil, fmt.Errorf(
		"function %q is not supported by %s; it knows get… of the resource types it knows, listNamespaceKeys, listQueueKeys, listTopicKeys, getClientConfig and getClientToken",
		pkg+":"+t.key(), Name)
}

func get(ctx context.Context, arm *armclient.Client, k *kind, apiVersion string, in map[string]any) (
	resource.PropertyMap, *pulumirpc.CheckFailure, error) {
	id, failure := idOf(k, arm, in)
	if failure != nil {
		return nil, failure, nil
	}
	r, err := arm.Do(ctx, "GET", id, apiVersion, nil)
	if err != nil {
		return nil, nil, err
	}
	_, params, err := k.parse(id)
	if err != nil {
		return nil, nil, err
	}
	flat, err := k.outputsOf(r.Body, params, apiVersion)
	if err != nil {
		return nil, nil, err
	}
	flat["id"] = id
	return cover(resource.NewPropertyMapFromMap(flat), nil), nil, nil
}

// idOf makes an ID from a function's arguments.
func idOf(k *kind, arm *armclient.Client, in map[string]any) (string, *pulumirpc.CheckFailure) {
	params := map[string]string{}
	for _, p := range k.params {
		v, _ := in[p].(string)
		if v == "" {
			return "", &pulumirpc.CheckFailure{Property: p, Reason: fmt.Sprintf("missing required argument %q", p)}
		}
		params[p] = v
	}
	id, err := k.id(arm.SubscriptionID(), params)
	if err != nil {
		return "", &pulumirpc.CheckFailure{Reason: err.Error()}
	}
	return id, nil
}

func version(t token, k *kind) string {
	if t.APIVersion != "" {
		return t.APIVersion
	}
	return k.apiVersion
}
