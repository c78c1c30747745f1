package provider

import (
	"reflect"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func TestDiff(t *testing.T) {
	queue := func(more props) props {
		out := props{"resourceGroupName": "rg", "namespaceName": "bus", "queueName": "my_thing0123abcd"}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	const ns = "servicebus:Namespace"
	for _, tt := range []struct {
		name      string
		tok       string
		olds, new props
		outputs   props
		want      map[string]string
		replaces  []string
		before    bool
	}{
		{"nothing", "servicebus:Queue", queue(nil), queue(nil), nil, map[string]string{}, nil, false},
		{"update", "servicebus:Queue", queue(props{"lockDuration": "PT1M"}), queue(props{"lockDuration": "PT2M"}), nil, map[string]string{"lockDuration": "UPDATE"}, nil, false},
		{"added", "servicebus:Queue", queue(nil), queue(props{"lockDuration": "PT2M"}), props{"lockDuration": "PT1M"}, map[string]string{"lockDuration": "ADD"}, nil, false},
		{"added what it has", "servicebus:Queue", queue(nil), queue(props{"lockDuration": "PT1M"}), props{"lockDuration": "PT1M"}, map[string]string{}, nil, false},
		{"removed", "servicebus:Queue", queue(props{"lockDuration": "PT2M"}), queue(nil), nil, map[string]string{"lockDuration": "DELETE"}, nil, false},
		{"parent", "servicebus:Queue", queue(nil), queue(props{"namespaceName": "other"}), nil, map[string]string{"namespaceName": "UPDATE_REPLACE"}, []string{"namespaceName"}, false},
		{"own name", "servicebus:Queue", queue(nil), queue(props{"queueName": "mine"}), nil, map[string]string{"queueName": "UPDATE_REPLACE"}, []string{"queueName"}, false},
		{"spelling of a name", "servicebus:Queue", queue(nil), queue(props{"namespaceName": "BUS"}), nil, map[string]string{}, nil, false},
		{"location, made name", ns, props{"resourceGroupName": "rg", "namespaceName": "my-thing0123abcd", "location": "westeurope"},
			props{"resourceGroupName": "rg", "namespaceName": "my-thing0123abcd", "location": "northeurope"}, nil, map[string]string{"location": "UPDATE_REPLACE"}, []string{"location"}, false},
		{"location, given name", ns, props{"resourceGroupName": "rg", "namespaceName": "mine", "location": "westeurope"},
			props{"resourceGroupName": "rg", "namespaceName": "mine", "location": "northeurope"}, nil, map[string]string{"location": "UPDATE_REPLACE"}, []string{"location"}, true},
		{"from the vendor's plugin", "servicebus:Queue", queue(props{"azureApiVersion": "2024-01-01", "__createBeforeDelete": true}), queue(nil), nil, map[string]string{}, nil, false},
		{"spelling of a location", ns, props{"resourceGroupName": "rg", "namespaceName": "mine", "location": "West Europe"},
			props{"resourceGroupName": "rg", "namespaceName": "mine", "location": "westeurope"}, nil, map[string]string{}, nil, false},
		{"role", "authorization:RoleAssignment", props{"scope": "/a", "roleAssignmentName": "n", "principalId": "p"}, props{"scope": "/a", "roleAssignmentName": "n", "principalId": "q"}, nil,
			map[string]string{"principalId": "UPDATE_REPLACE"}, []string{"principalId"}, false},
		{"inside", "datafactory:Pipeline", props{"activities": []any{props{"name": "a", "policy": props{"retry": 1}}}}, props{"activities": []any{props{"name": "a", "policy": props{"retry": 2}}, props{"name": "b"}}}, nil,
			map[string]string{"activities[0].policy.retry": "UPDATE", "activities[1]": "ADD"}, nil, false},
		{"a name with a dot", ns, props{"tags": props{"a.b": "1"}}, props{"tags": props{"a.b": "2"}}, nil, map[string]string{`tags["a.b"]`: "UPDATE"}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tok := "azure-native:" + tt.tok
			d, err := New(Options{}).Diff(t.Context(), &pulumirpc.DiffRequest{Type: tok, Name: "my_thing", OldInputs: pack(t, tt.olds), News: pack(t, tt.new), Olds: pack(t, tt.outputs)})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for path, p := range d.DetailedDiff {
				got[path] = p.Kind.String()
			}
			if !reflect.DeepEqual(got, tt.want) || !reflect.DeepEqual(d.Replaces, tt.replaces) || d.DeleteBeforeReplace != tt.before {
				t.Errorf("diff = %v, replaces %v, delete first %v\nwant   %v, %v, %v", got, d.Replaces, d.DeleteBeforeReplace, tt.want, tt.replaces, tt.before)
			}
			if some := d.Changes == pulumirpc.DiffResponse_DIFF_SOME; some != (len(tt.want) > 0) {
				t.Errorf("changes = %v", d.Changes)
			}
		})
	}
}

func TestDiffOfUnknownAndSecretValues(t *testing.T) {
	base := resource.PropertyMap{"resourceGroupName": resource.NewProperty("rg"), "namespaceName": resource.NewProperty("bus"), "queueName": resource.NewProperty("q"), "userMetadata": resource.NewProperty("x")}
	diff := func(change resource.PropertyMap) *pulumirpc.DiffResponse {
		t.Helper()
		news := base.Copy()
		for k, v := range change {
			news[k] = v
		}
		d, err := New(Options{}).Diff(t.Context(), &pulumirpc.DiffRequest{Type: "azure-native:servicebus:Queue", Name: "q", OldInputs: packMap(t, base), News: packMap(t, news)})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := diff(resource.PropertyMap{"userMetadata": resource.MakeSecret(resource.NewProperty("x"))}); len(d.DetailedDiff) > 0 {
		t.Errorf("the same value, now secret: %v; want no change", d.DetailedDiff)
	}
	if d := diff(resource.PropertyMap{"namespaceName": unknown()}); len(d.Replaces) != 1 || d.DeleteBeforeReplace {
		t.Errorf("a parent that is being replaced: %v; want a replacement", d)
	}
}

func TestDiffIgnoresWhatTheProgramIgnores(t *testing.T) {
	d, err := New(Options{}).Diff(t.Context(), &pulumirpc.DiffRequest{Type: "azure-native:servicebus:Namespace", Name: "n", IgnoreChanges: []string{"tags.a", "sku"},
		OldInputs: pack(t, props{"tags": props{"a": "1", "b": "1"}, "sku": props{"name": "Basic"}}), News: pack(t, props{"tags": props{"a": "2", "b": "2"}})})
	if err != nil || len(d.DetailedDiff) != 1 || d.DetailedDiff["tags.b"] == nil {
		t.Errorf("diff = %v, %v; want tags.b alone", d.GetDetailedDiff(), err)
	}
}
