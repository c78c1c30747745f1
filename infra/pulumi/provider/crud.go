package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"switchyard/infra/pulumi/provider/armclient"
)

// Create makes a resource. One that exists already is an error, as it is with the
// vendor's plugin: a resource belongs to one stack.
func (s *Server) Create(ctx context.Context, req *pulumirpc.CreateRequest) (
	*pulumirpc.CreateResponse, error) {
	ctx, cancel := s.call(ctx, req.GetTimeout())
	defer cancel()
	r, err := s.target(typeOf(req.GetType(), req.GetUrn()), req.GetProperties())
	if err != nil {
		return nil, err
	}
	if req.GetPreview() {
		out, err := message(r.kind.preview(r.inputs, nil, r.apiVersion), "preview")
		return &pulumirpc.CreateResponse{Properties: out}, err
	}
	id, err := r.id()
	if err != nil {
		return nil, answer(ctx, err)
	}
	if !r.kind.exists {
		_, err := r.arm.Do(ctx, "GET", id, r.apiVersion, nil)
		if err == nil {
			return nil, status.Errorf(codes.AlreadyExists,
				"cannot create already existing resource %s: import it or delete it", id)
		}
		if !armclient.IsNotFound(err) {
			return nil, answer(ctx, err)
		}
	}
	out, err := r.put(ctx, id)
	if err != nil {
		return nil, answer(ctx, err)
	}
	return &pulumirpc.CreateResponse{Id: id, Properties: out}, nil
}

// Update writes a resource anew with all its inputs.
func (s *Server) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (
	*pulumirpc.UpdateResponse, error) {
	ctx, cancel := s.call(ctx, req.GetTimeout())
	defer cancel()
	r, err := s.target(typeOf(req.GetType(), req.GetUrn()), req.GetNews())
	if err != nil {
		return nil, err
	}
	if req.GetPreview() {
		olds, err := properties(req.GetOlds(), "olds")
		if err != nil {
			return nil, err
		}
		out, err := message(r.kind.preview(r.inputs, olds, r.apiVersion), "preview")
		return &pulumirpc.UpdateResponse{Properties: out}, err
	}
	out, err := r.put(ctx, req.GetId())
	if err != nil {
		return nil, answer(ctx, err)
	}
	return &pulumirpc.UpdateResponse{Properties: out}, nil
}

// Delete removes a resource; one that is gone is no error. What cannot be deleted
// gets back what it was made with.
func (s *Server) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	ctx, cancel := s.call(ctx, req.GetTimeout())
	defer cancel()
	r, err := s.target(typeOf(req.GetType(), req.GetUrn()), nil)
	if err != nil {
		return nil, err
	}
	if r.kind.reset != nil {
		_, err = r.arm.Put(ctx, req.GetId(), r.apiVersion, map[string]any{"properties": r.kind.reset})
		if armclient.IsNotFound(err) {
			err = nil
		}
	} else {
		err = r.arm.Delete(ctx, req.GetId(), r.apiVersion)
	}
	if err != nil {
		return nil, answer(ctx, err)
	}
	return &emptypb.Empty{}, nil
}

// Read refreshes a resource, or imports one whose state and inputs are not known.
// An ID that names nothing answers an empty ID.
func (s *Server) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	ctx, cancel := s.call(ctx, 0)
	defer cancel()
	r, err := s.target(typeOf(req.GetType(), req.GetUrn()), req.GetInputs())
	if err != nil {
		return nil, err
	}
	olds, err := properties(req.GetProperties(), "state")
	if err != nil {
		return nil, err
	}
	_, params, err := r.kind.parse(req.GetId())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	got, err := r.arm.Do(ctx, "GET", req.GetId(), r.apiVersion, nil)
	if armclient.IsNotFound(err) {
		return &pulumirpc.ReadResponse{}, nil
	}
	if err != nil {
		return nil, answer(ctx, err)
	}
	flat, err := r.kind.outputsOf(got.Body, params, r.apiVersion)
	if err != nil {
		return nil, answer(ctx, err)
	}
	outputs := resource.NewPropertyMapFromMap(flat)
	inputs := r.inputs
	if len(inputs) == 0 {
		inputs = cover(r.kind.imported(outputs, params), nil)
	} else if len(olds) > 0 {
		inputs = r.kind.drift(inputs, openMap(olds), outputs)
	}
	state, err := message(cover(outputs, r.inputs), "state")
	if err != nil {
		return nil, err
	}
	in, err := message(inputs, "inputs")
	if err != nil {
		return nil, err
	}
	id, err := r.kind.id(subscriptionOf(r, req.GetId()), params)
	if err != nil {
		return nil, answer(ctx, err)
	}
	return &pulumirpc.ReadResponse{Id: id, Properties: state, Inputs: in}, nil
}

// subscriptionOf is the subscription in an ID, which need not be the configured one.
func subscriptionOf(r *target, id string) string {
	if sub, _, err := r.kind.parse(id); err == nil && sub != "" {
		return sub
	}
	return r.arm.SubscriptionID()
}

// target is one resource of a call.
type target struct {
	kind       *kind
	apiVersion string
	inputs     resource.PropertyMap
	arm        *armclient.Client
}

func (s *Server) target(tok string, inputs *structpb.Struct) (*target, error) {
	k, version, err := kindOf(tok)
	if err != nil {
		return nil, status.Error(codes.Unimplemented, err.Error())
	}
	arm, err := s.arm()
	if err != nil {
		return nil, err
	}
	in, err := properties(inputs, "inputs")
	if err != nil {
		return nil, err
	}
	return &target{kind: k, apiVersion: version, inputs: in, arm: arm}, nil
}

// params are the parts of the path.
func (r *target) params() map[string]string {
	out := map[string]string{}
	for _, p := range r.kind.params {
		if v := open(r.inputs[resource.PropertyKey(p)]); v.IsString() {
			out[p] = v.StringValue()
		}
	}
	return out
}

func (r *target) id() (string, error) { return r.kind.id(r.arm.SubscriptionID(), r.params()) }

// put writes the inputs and answers the outputs, with what was secret covered.
func (r *target) put(ctx context.Context, id string) (*structpb.Struct, error) {
	in, err := plain(r.inputs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.kind.token, err)
	}
	for name := range in {
		if !r.kind.isInput(name) {
			delete(in, name) // foreign, see isForeign
		}
	}
	body, err := r.kind.body(in)
	if err != nil {
		return nil, err
	}
	got, err := r.arm.Put(ctx, id, r.apiVersion, body)
	if err != nil {
		return nil, err
	}
	flat, err := r.kind.outputsOf(got, r.params(), r.apiVersion)
	if err != nil {
		return nil, err
	}
	return message(cover(resource.NewPropertyMapFromMap(flat), r.inputs), "outputs")
}

// preview is what is known of a resource before it is made or changed: its inputs,
// what it had, and otherwise that the service will say.
func (k *kind) preview(inputs, olds resource.PropertyMap, apiVersion string) resource.PropertyMap {
	out := resource.PropertyMap{"azureApiVersion": resource.NewStringProperty(apiVersion)}
	for _, names := range [][]string{k.inputs, k.outputs} {
		for _, name := range names {
			key := resource.PropertyKey(name)
			if v, ok := inputs[key]; ok {
				out[key] = k.withIdentity(name, v, olds)
			} else if v, ok := olds[key]; ok {
				out[key] = v
			} else if olds == nil || slices.Contains(k.outputs, name) {
				out[key] = unknown()
			}
		}
	}
	if v, ok := inputs[resource.PropertyKey(k.name)]; ok && k.name != "" {
		out["name"] = v
	}
	if v, ok := inputs["scope"]; ok && k.isParam("scope") {
		out["scope"] = v
	}
	return out
}

// withIdentity adds to an identity what the service adds: its principal.
func (k *kind) withIdentity(name string, v resource.PropertyValue,
	olds resource.PropertyMap) resource.PropertyValue {
	if name != "identity" || !v.IsObject() {
		return v
	}
	o := v.ObjectValue().Copy()
	had := resource.PropertyMap{}
	if old := olds["identity"]; old.IsObject() {
		had = old.ObjectValue()
	}
	for _, member := range []resource.PropertyKey{"principalId", "tenantId"} {
		if v, ok := had[member]; ok {
			o[member] = v
		} else {
			o[member] = unknown()
		}
	}
	return resource.NewObjectProperty(o)
}
