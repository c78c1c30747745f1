package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/program"
	"switchyard/infra/pulumi/program/azure"
)

// variant is what changes in the life of the stack.
type variant struct {
	location string
	lock     string // in place
	queue    string // replaces
	wait     int    // inside a nested activity
	imports  string // ID of a queue to import
}

// stackProgram is a program of five resources, which the Node and Python programs
// declare too.
func stackProgram(v *variant) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		rg, err := azure.NewResourceGroup(ctx, "life_group", azure.ResourceGroupArgs{Location: pulumi.String(v.location)})
		if err != nil {
			return err
		}
		ns, err := azure.NewNamespace(ctx, "life_bus", azure.NamespaceArgs{ResourceGroupName: rg.Name, Sku: pulumi.StringMap{"name": pulumi.String("Standard")}})
		if err != nil {
			return err
		}
		q, err := azure.NewQueue(ctx, "life_queue", azure.QueueArgs{ResourceGroupName: rg.Name, NamespaceName: ns.Name,
			QueueName: pulumi.String(v.queue), LockDuration: pulumi.String(v.lock)})
		if err != nil {
			return err
		}
		if v.imports != "" {
			_, err := azure.NewQueue(ctx, "life_imported", azure.QueueArgs{ResourceGroupName: rg.Name, NamespaceName: ns.Name, QueueName: pulumi.String("found"),
				MaxDeliveryCount: pulumi.Int(7)}, pulumi.Import(pulumi.ID(v.imports)))
			if err != nil {
				return err
			}
		}
		df, err := azure.NewFactory(ctx, "life_factory", azure.FactoryArgs{ResourceGroupName: rg.Name, Identity: pulumi.StringMap{"type": pulumi.String("SystemAssigned")}})
		if err != nil {
			return err
		}
		_, err = azure.NewPipeline(ctx, "life_pipeline", azure.PipelineArgs{ResourceGroupName: rg.Name, FactoryName: df.Name, PipelineName: pulumi.String("Life"),
			Activities: pulumi.Array{pulumi.Map{"name": pulumi.String("Each"), "type": pulumi.String("ForEach"),
				"items": pulumi.Map{"type": pulumi.String("Expression"), "value": pulumi.String("@range(0, 2)")},
				"activities": pulumi.Array{pulumi.Map{"name": pulumi.String("Wait"), "type": pulumi.String("Wait"),
					"waitTimeInSeconds": pulumi.Int(v.wait)}}}}})
		if err != nil {
			return err
		}
		for name, v := range map[string]pulumi.StringOutput{"group": rg.Name, "namespace": ns.Name, "queue": q.Name, "factory": df.Name, "principal": df.PrincipalID(), "location": rg.Location} {
			ctx.Export(name, v)
		}
		return nil
	}
}

func count(m map[string]int, ops ...apitype.OpType) string {
	var parts []string
	for _, op := range ops {
		parts = append(parts, fmt.Sprintf("%d %s", m[string(op)], op))
	}
	return strings.Join(parts, ", ")
}

func changes(r auto.UpResult) string {
	if r.Summary.ResourceChanges == nil {
		return ""
	}
	return count(*r.Summary.ResourceChanges, apitype.OpCreate, apitype.OpUpdate, apitype.OpReplace, apitype.OpDelete)
}

func TestGo(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	v := &variant{location: "West Europe", lock: "PT1M", queue: "first", wait: 1}
	stack, err := w.Stack(ctx, "life-go", "dev", stackProgram(v))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // when a step failed
		if _, err := stack.Destroy(t.Context(), optdestroy.Remove()); t.Failed() && err != nil {
			t.Log(err)
		}
	})
	step := func(name, want string, opts ...optup.Option) auto.UpResult {
		t.Helper()
		r, err := stack.Up(ctx, append(opts, optup.SuppressProgress())...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := changes(r); want != "" && got != want {
			t.Errorf("%s: %s; want %s\n%s", name, got, want, r.StdOut)
		}
		return r
	}

	p, err := stack.Preview(ctx, optpreview.SuppressProgress())
	if err != nil {
		t.Fatal(err)
	}
	if n := p.ChangeSummary[apitype.OpCreate]; n != 6 { // and the stack
		t.Errorf("preview: %d to create\n%s", n, p.StdOut)
	}
	first := step("up", "6 create, 0 update, 0 replace, 0 delete")
	out := func(r auto.UpResult, name string) string { return fmt.Sprint(r.Outputs[name].Value) }
	group, ns := out(first, "group"), out(first, "namespace")
	if got := property(w.get(t, w.queue(group, ns, "first"), busVersion), "lockDuration"); got != "PT1M" {
		t.Errorf("lockDuration = %s", got)
	}
	if len(out(first, "principal")) != 36 {
		t.Errorf("principal = %q, want a GUID", out(first, "principal"))
	}
	step("second up", "", optup.ExpectNoChanges())

	v.lock, v.wait = "PT2M", 2
	step("change in place", "0 create, 2 update, 0 replace, 0 delete")
	if got := property(w.get(t, w.queue(group, ns, "first"), busVersion), "lockDuration"); got != "PT2M" {
		t.Errorf("after the change: lockDuration = %s", got)
	}
	v.queue = "second"
	step("change that replaces", "0 create, 0 update, 1 replace, 0 delete")
	w.gone(t, w.queue(group, ns, "first"), busVersion)

	refresh := func(opts ...optrefresh.Option) auto.RefreshResult {
		t.Helper()
		r, err := stack.Refresh(ctx, append(opts, optrefresh.SuppressProgress())...)
		if err != nil {
			t.Fatalf("refresh: %v", err)
		}
		return r
	}
	refresh(optrefresh.ExpectNoChanges())
	if _, err := w.arm.Put(ctx, w.queue(group, ns, "second"), busVersion, map[string]any{"properties": map[string]any{"lockDuration": "PT3M"}}); err != nil {
		t.Fatal(err)
	}
	refresh()
	step("up after somebody changed the queue", "0 create, 1 update, 0 replace, 0 delete")
	if got := property(w.get(t, w.queue(group, ns, "second"), busVersion), "lockDuration"); got != "PT2M" {
		t.Errorf("after the repair: lockDuration = %s", got)
	}

	found := w.queue(group, ns, "found")
	if _, err := w.arm.Put(ctx, found, busVersion, map[string]any{"properties": map[string]any{"maxDeliveryCount": 7}}); err != nil {
		t.Fatal(err)
	}
	v.imports = found
	imported := step("import", "0 create, 0 update, 0 replace, 0 delete")
	if n := (*imported.Summary.ResourceChanges)["import"]; n != 1 {
		t.Errorf("imported %d, want 1\n%s", n, imported.StdOut)
	}
	step("up after the import", "", optup.ExpectNoChanges())

	if _, err := stack.Destroy(ctx, optdestroy.SuppressProgress()); err != nil {
		t.Fatalf("destroy: %v", err)
	}
	w.gone(t, w.group(group), groupVersion)
}

// TestReferenceSystem deploys the module's own program as it is. Its form for Azure
// always goes to the Resource Manager of armtest: Switchyard refuses to start a
// schedule, which it does not run.
func TestReferenceSystem(t *testing.T) {
	for _, target := range []program.Target{program.Switchyard, program.Azure} {
		t.Run(string(target), func(t *testing.T) {
			w := start(t)
			if target == program.Azure {
				w = fake(t)
			}
			ctx := t.Context()
			for k, v := range w.env {
				t.Setenv(k, v) // the program and its hooks run here
			}
			stack, err := w.Stack(ctx, "switchyard-reference", string(target), program.Deploy)
			if err != nil {
				t.Fatal(err)
			}
			for key, value := range map[string]string{"target": string(target), "modelEndpoint": "https://model.example"} {
				if err := stack.SetConfig(ctx, key, auto.ConfigValue{Value: value}); err != nil {
					t.Fatal(err)
				}
			}
			up, err := stack.Up(ctx, optup.SuppressProgress())
			if err != nil {
				t.Fatal(err)
			}
			if c := up.Outputs["service_bus_connection_string"]; !c.Secret || !strings.HasPrefix(fmt.Sprint(c.Value), "Endpoint=sb://") {
				t.Errorf("connection string: secret %v", c.Secret)
			}
			if _, err := stack.Up(ctx, optup.SuppressProgress(), optup.ExpectNoChanges()); err != nil {
				t.Errorf("second up: %v", err)
			}
			if _, err := stack.Refresh(ctx, optrefresh.SuppressProgress(), optrefresh.ExpectNoChanges()); err != nil {
				t.Errorf("refresh: %v", err)
			}
			group := fmt.Sprint(up.Outputs["resource_group_name"].Value)
			if strings.Contains(up.StdOut, "warning") {
				t.Errorf("warnings:\n%s", up.StdOut)
			}
			trigger := w.group(group) + fmt.Sprintf("/providers/Microsoft.DataFactory/factories/%s/triggers/%s", up.Outputs["data_factory_name"].Value, up.Outputs["trigger_name"].Value)
			if got := property(w.get(t, trigger, factoryVersion), "runtimeState"); got != "Started" {
				t.Errorf("the trigger is %s", got)
			}
			// The description of a started trigger is changed, and put right again.
			changed := w.get(t, trigger, factoryVersion)["properties"].(map[string]any)
			wanted := changed["description"]
			changed["description"] = "changed by somebody"
			if target == program.Azure {
				delete(changed, "runtimeState")
			}
			if _, err := w.arm.Put(ctx, trigger, factoryVersion, map[string]any{"properties": changed}); err != nil {
				t.Fatal(err)
			}
			if _, err := stack.Refresh(ctx, optrefresh.SuppressProgress()); err != nil {
				t.Fatal(err)
			}
			again, err := stack.Up(ctx, optup.SuppressProgress())
			if err != nil {
				t.Fatal(err)
			}
			if got := changes(again); got != "0 create, 1 update, 0 replace, 0 delete" {
				t.Errorf("up after the trigger was changed: %s\n%s", got, again.StdOut)
			}
			after := w.get(t, trigger, factoryVersion)
			if property(after, "description") != wanted || property(after, "runtimeState") != "Started" {
				t.Errorf("the trigger in the end: %v", after)
			}
			if _, err := stack.Destroy(ctx, optdestroy.SuppressProgress()); err != nil {
				t.Fatal(err)
			}
			w.gone(t, w.group(group), groupVersion)
		})
	}
}
