// A stack's life with the vendor's Node packages: preview, up, second up, a change in
// place, a change that replaces, refresh, import, destroy. Throws at the first surprise.
"use strict";
const assert = require("node:assert/strict");
const automation = require("@pulumi/pulumi/automation");
const pulumi = require("@pulumi/pulumi");
const azure = require("@pulumi/azure-native");

const settings = { lock: "PT1M", queue: "first", wait: 1, imports: undefined };

async function program() {
  const group = new azure.resources.ResourceGroup("life_group", { location: "westeurope" });
  const namespace = new azure.servicebus.Namespace("life_bus", {
    resourceGroupName: group.name,
    sku: { name: "Standard", tier: "Standard" },
  });
  const inNamespace = { resourceGroupName: group.name, namespaceName: namespace.name };
  const queue = new azure.servicebus.Queue("life_queue", { ...inNamespace, queueName: settings.queue, lockDuration: settings.lock });
  const topic = new azure.servicebus.Topic("life_topic", inNamespace);
  const subscription = new azure.servicebus.Subscription("life_sub", { ...inNamespace, topicName: topic.name });
  new azure.servicebus.Rule("life_rule", {
    ...inNamespace, topicName: topic.name, subscriptionName: subscription.name,
    filterType: azure.servicebus.FilterType.SqlFilter, sqlFilter: { sqlExpression: "color = 'red'" },
  });
  const rule = new azure.servicebus.QueueAuthorizationRule("life_key", { ...inNamespace, queueName: queue.name, rights: ["Send"] });
  if (settings.imports) {
    new azure.servicebus.Queue("life_imported", { ...inNamespace, queueName: "found", maxDeliveryCount: 7 }, { import: settings.imports });
  }
  const factory = new azure.datafactory.Factory("life_factory", {
    resourceGroupName: group.name, identity: { type: "SystemAssigned" },
    globalParameters: { greeting: { type: "String", value: "hello" } },
  });
  const inFactory = { resourceGroupName: group.name, factoryName: factory.name };
  const http = new azure.datafactory.LinkedService("life_http", {
    ...inFactory, linkedServiceName: "Http",
    properties: {
      type: "HttpServer", url: "https://example.com", authenticationType: "Basic", userName: "me",
      password: { type: "SecureString", value: pulumi.secret("pass") },
    },
  });
  const pipeline = new azure.datafactory.Pipeline("life_pipeline", {
    ...inFactory, pipelineName: "Life",
    parameters: { items: { type: "Array", defaultValue: [1, 2] } },
    activities: [{
      name: "Each", type: "ForEach", isSequential: true,
      items: { type: "Expression", value: "@pipeline().parameters.items" },
      activities: [
        { name: "Wait", type: "Wait", waitTimeInSeconds: settings.wait },
        {
          name: "If", type: "IfCondition", dependsOn: [{ activity: "Wait", dependencyConditions: ["Succeeded"] }],
          expression: { type: "Expression", value: "@greater(item(), 1)" },
          ifTrueActivities: [{ name: "Stop", type: "Fail", message: "too many", errorCode: "1" }],
        },
      ],
    }],
  });
  new azure.authorization.RoleAssignment("life_role", {
    scope: queue.id, principalType: "ServicePrincipal", principalId: factory.identity.apply(i => i?.principalId ?? ""),
    roleDefinitionId: group.id.apply(id => id.split("/resourceGroups/")[0] + "/providers/Microsoft.Authorization/roleDefinitions/4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"),
  });
  const keys = azure.servicebus.listQueueKeysOutput({ ...inNamespace, queueName: queue.name, authorizationRuleName: rule.name });
  return {
    group: group.name, namespace: namespace.name, queue: queue.name, queueId: queue.id, location: namespace.location,
    principal: factory.identity.apply(i => i?.principalId), connection: keys.primaryConnectionString,
    nested: pipeline.activities.apply(a => a[0].activities[0].waitTimeInSeconds), http: http.name,
  };
}

async function main() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([k]) => /^(PULUMI_|ARM_|SSL_)/.test(k)));
  const stack = await automation.LocalWorkspace.createOrSelectStack(
    { stackName: "dev", projectName: "life-node", program }, { envVars: env });
  const changes = r => { const c = r.summary.resourceChanges ?? {}; return [c.create ?? 0, c.update ?? 0, c.replace ?? 0, c.delete ?? 0]; };
  try {
    const preview = await stack.preview();
    assert.equal(preview.changeSummary.create, 12, preview.stdout);
    const first = await stack.up();
    assert.deepEqual(changes(first), [12, 0, 0, 0], first.stdout);
    const out = first.outputs;
    assert.match(out.group.value, /^life_group[0-9a-f]{8}$/);
    assert.match(out.namespace.value, /^life-bus[0-9a-f]{8}$/);
    assert.equal(out.location.value, "westeurope");
    assert.match(out.principal.value, /^[0-9a-f-]{36}$/);
    assert.equal(out.nested.value, 1);
    assert.ok(out.connection.secret && out.connection.value.startsWith("Endpoint=sb://"), "the connection string is a secret");

    await stack.up({ expectNoChanges: true });

    Object.assign(settings, { lock: "PT2M", wait: 2 });
    const inPlace = await stack.up();
    assert.deepEqual(changes(inPlace), [0, 2, 0, 0], inPlace.stdout);
    assert.equal(inPlace.outputs.nested.value, 2);

    settings.queue = "second";
    const replaced = await stack.up();
    assert.deepEqual(changes(replaced), [0, 0, 3, 0], replaced.stdout); // the queue, its key, the role on it
    assert.ok(replaced.outputs.queueId.value.endsWith("/queues/second"));

    await stack.refresh({ expectNoChanges: true });

    settings.imports = await found(out);
    const imported = await stack.up();
    assert.equal(imported.summary.resourceChanges.import, 1, imported.stdout);
    await stack.up({ expectNoChanges: true });
  } finally {
    await stack.destroy();
    await stack.workspace.removeStack("dev");
  }
  console.log("node: preview, up, second up, change, replacement, refresh, import, destroy");
}

// found makes a queue behind the stack's back and returns its ID.
async function found(out) {
  const base = "https://" + process.env.ARM_METADATA_HOSTNAME.replace(/^https:\/\//, "");
  const login = await fetch(`${base}/${process.env.ARM_TENANT_ID}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials", client_id: process.env.ARM_CLIENT_ID,
      client_secret: process.env.ARM_CLIENT_SECRET, scope: base + "/.default",
    }),
  });
  const { access_token } = await login.json();
  const id = out.queueId.value.replace(/[^/]+$/, "found");
  const put = await fetch(`${base}${id}?api-version=2024-01-01`, {
    method: "PUT", headers: { Authorization: "Bearer " + access_token, "Content-Type": "application/json" },
    body: JSON.stringify({ properties: { maxDeliveryCount: 7 } }),
  });
  assert.ok(put.ok, await put.text());
  return id;
}

main().catch(e => { console.error(e); process.exit(1); });
