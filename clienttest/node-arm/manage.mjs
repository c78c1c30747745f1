// Manages a running Switchyard with Azure's libraries: everything is created, shown, listed, changed and deleted, twice.
// See ../README.md.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { adf, bus, names, poll, reference, refused, resources, step, subscription } from "./clients.mjs";

const location = "westeurope";
const rg = "node-arm";
const ns = `node-arm-${subscription.slice(0, 8)}`;
const df = `${ns}-factory`;
const groupID = `/subscriptions/${subscription}/resourceGroups/${rg}`;

const pipeline = {
  parameters: { items: { type: "Array", defaultValue: [1, 2, 3] } },
  variables: { all: { type: "Array" } },
  activities: [
    {
      name: "Each",
      type: "ForEach",
      isSequential: true,
      items: { type: "Expression", value: "@pipeline().parameters.items" },
      activities: [{ name: "Add", type: "AppendVariable", variableName: "all", value: "@concat('n', string(item()))" }],
    },
  ],
};
const trigger = {
  type: "ServiceBusTrigger",
  description: "messages of orders",
  typeProperties: { linkedServiceName: reference("LinkedServiceReference", "Bus"), queueName: "orders" },
  pipelines: [{ pipelineReference: reference("PipelineReference", "Each"), parameters: { items: "@triggerBody().messages" } }],
};

async function create(round) {
  await step(`${round}: resource group`, async () => {
    const g = await resources.resourceGroups.createOrUpdate(rg, { location, tags: { env: "dev" } });
    assert.deepEqual([g.id, g.location, g.properties.provisioningState, g.tags], [groupID, location, "Succeeded", { env: "dev" }]);
  });
  await step(`${round}: namespace`, async () => {
    const n = await bus.namespaces.beginCreateOrUpdateAndWait(rg, ns, { location, sku: { name: "Standard", tier: "Standard" }, tags: { a: "1" } }, poll);
    assert.deepEqual([n.name, n.sku.name, n.provisioningState, n.tags], [ns, "Standard", "Succeeded", { a: "1" }]);
    assert.ok(n.createdAt instanceof Date && n.serviceBusEndpoint);
  });
  await step(`${round}: queue`, async () => {
    const q = await bus.queues.createOrUpdate(rg, ns, "orders", { lockDuration: "PT45S", maxDeliveryCount: 5, deadLetteringOnMessageExpiration: true });
    assert.deepEqual([q.name, q.lockDuration, q.maxDeliveryCount, q.deadLetteringOnMessageExpiration, q.status], ["orders", "PT45S", 5, true, "Active"]);
    assert.equal(q.countDetails.activeMessageCount, 0);
    await bus.queues.createOrUpdate(rg, ns, "results", {});
  });
  await step(`${round}: topic, subscription and rules`, async () => {
    assert.equal((await bus.topics.createOrUpdate(rg, ns, "news", { defaultMessageTimeToLive: "PT1H" })).defaultMessageTimeToLive, "PT1H");
    assert.equal((await bus.subscriptions.createOrUpdate(rg, ns, "news", "all", { maxDeliveryCount: 3 })).maxDeliveryCount, 3);
    const sql = await bus.rules.createOrUpdate(rg, ns, "news", "all", "red", { filterType: "SqlFilter", sqlFilter: { sqlExpression: "colour = 'red'" }, action: { sqlExpression: "SET seen = 1" } });
    assert.deepEqual([sql.filterType, sql.sqlFilter.sqlExpression, sql.action.sqlExpression], ["SqlFilter", "colour = 'red'", "SET seen = 1"]);
    const correlation = await bus.rules.createOrUpdate(rg, ns, "news", "all", "blue", { filterType: "CorrelationFilter", correlationFilter: { label: "order", properties: { k: "v" } } });
    assert.deepEqual([correlation.filterType, correlation.correlationFilter.label, correlation.correlationFilter.properties], ["CorrelationFilter", "order", { k: "v" }]);
  });
  await step(`${round}: authorization rules`, async () => {
    const r = await bus.namespaces.createOrUpdateAuthorizationRule(rg, ns, "app", { rights: ["Send", "Listen"] });
    assert.deepEqual([...r.rights].sort(), ["Listen", "Send"]);
    assert.deepEqual((await bus.queues.createOrUpdateAuthorizationRule(rg, ns, "orders", "sender", { rights: ["Send"] })).rights, ["Send"]);
    assert.deepEqual((await bus.topics.createOrUpdateAuthorizationRule(rg, ns, "news", "reader", { rights: ["Listen"] })).rights, ["Listen"]);
  });
  await step(`${round}: factory`, async () => {
    const f = await adf.factories.createOrUpdate(rg, df, { location, identity: { type: "SystemAssigned" }, tags: { a: "1" } });
    assert.deepEqual([f.name, f.provisioningState, f.identity.type, f.identity.tenantId], [df, "Succeeded", "SystemAssigned", process.env.ARM_TENANT_ID]);
    assert.match(f.identity.principalId, /^[0-9a-f-]{36}$/);
  });
  await step(`${round}: linked services and dataset`, async () => {
    const b = await adf.linkedServices.createOrUpdate(rg, df, "Bus", { properties: { type: "AzureServiceBus", typeProperties: { fullyQualifiedNamespace: `${ns}.servicebus.windows.net` } } });
    assert.deepEqual([b.name, b.properties.type, b.properties.typeProperties], ["Bus", "AzureServiceBus", { fullyQualifiedNamespace: `${ns}.servicebus.windows.net` }]);
    const blob = await adf.linkedServices.createOrUpdate(rg, df, "Blob", { properties: { type: "AzureBlobStorage", connectionString: { type: "SecureString", value: "AccountKey=hidden" } } });
    assert.ok(!JSON.stringify(blob).includes("hidden"), "the answer shows a secret");
    const d = await adf.datasets.createOrUpdate(rg, df, "Data", { properties: { type: "Json", linkedServiceName: reference("LinkedServiceReference", "Blob") } });
    assert.deepEqual([d.name, d.properties.type, d.properties.linkedServiceName.referenceName], ["Data", "Json", "Blob"]);
  });
  await step(`${round}: pipeline`, async () => {
    const [each] = (await adf.pipelines.createOrUpdate(rg, df, "Each", pipeline)).activities;
    assert.deepEqual([each.name, each.type, each.isSequential, each.items.value, each.activities[0].variableName], ["Each", "ForEach", true, "@pipeline().parameters.items", "all"]);
  });
  await step(`${round}: trigger`, async () => {
    const t = await adf.triggers.createOrUpdate(rg, df, "OnOrder", { properties: trigger });
    assert.deepEqual([t.name, t.properties.type, t.properties.runtimeState, t.properties.typeProperties.queueName], ["OnOrder", "ServiceBusTrigger", "Stopped", "orders"]);
  });
}

async function show() {
  await step("provider", async () => {
    const p = await resources.providers.get("Microsoft.ServiceBus");
    assert.ok(p.resourceTypes.some((t) => t.resourceType === "namespaces/queues"));
  });
  await step("show each", async () => {
    assert.equal((await resources.resourceGroups.get(rg)).name, rg);
    assert.equal((await bus.namespaces.get(rg, ns)).id, `${groupID}/providers/Microsoft.ServiceBus/namespaces/${ns}`);
    assert.equal((await bus.queues.get(rg, ns, "orders")).lockDuration, "PT45S");
    assert.equal((await bus.topics.get(rg, ns, "news")).subscriptionCount, 1);
    assert.equal((await bus.subscriptions.get(rg, ns, "news", "all")).maxDeliveryCount, 3);
    assert.equal((await bus.rules.get(rg, ns, "news", "all", "blue")).correlationFilter.label, "order");
    assert.equal((await bus.namespaces.getAuthorizationRule(rg, ns, "app")).name, "app");
    assert.equal((await adf.factories.get(rg, df)).tags.a, "1");
    assert.equal((await adf.linkedServices.get(rg, df, "Blob")).properties.connectionString.value, "**********");
    assert.equal((await adf.datasets.get(rg, df, "Data")).properties.type, "Json");
    assert.equal((await adf.pipelines.get(rg, df, "Each")).activities[0].activities[0].name, "Add");
    assert.equal((await adf.triggers.get(rg, df, "OnOrder")).properties.description, "messages of orders");
  });
  await step("list each", async () => {
    assert.ok((await names(resources.resourceGroups.list())).includes(rg));
    assert.deepEqual(await names(resources.resources.listByResourceGroup(rg)), [ns, df]);
    assert.deepEqual(await names(bus.namespaces.listByResourceGroup(rg)), [ns]);
    assert.ok((await names(bus.namespaces.list())).includes(ns));
    assert.deepEqual(await names(bus.queues.listByNamespace(rg, ns)), ["orders", "results"]);
    assert.deepEqual(await names(bus.queues.listByNamespace(rg, ns, { top: 1 })), ["orders"]);
    assert.deepEqual(await names(bus.topics.listByNamespace(rg, ns)), ["news"]);
    assert.deepEqual(await names(bus.subscriptions.listByTopic(rg, ns, "news")), ["all"]);
    assert.deepEqual(await names(bus.rules.listBySubscriptions(rg, ns, "news", "all")), ["blue", "red"]);
    assert.deepEqual(await names(bus.namespaces.listAuthorizationRules(rg, ns)), ["RootManageSharedAccessKey", "app"]);
    assert.deepEqual(await names(bus.queues.listAuthorizationRules(rg, ns, "orders")), ["sender"]);
    assert.deepEqual(await names(adf.factories.listByResourceGroup(rg)), [df]);
    assert.deepEqual(await names(adf.linkedServices.listByFactory(rg, df)), ["Blob", "Bus"]);
    assert.deepEqual(await names(adf.datasets.listByFactory(rg, df)), ["Data"]);
    assert.deepEqual(await names(adf.pipelines.listByFactory(rg, df)), ["Each"]);
    assert.deepEqual(await names(adf.triggers.listByFactory(rg, df)), ["OnOrder"]);
  });
  await step("what isn't there", async () => {
    assert.equal((await resources.resourceGroups.checkExistence(rg)).body, true);
    assert.equal((await resources.resourceGroups.checkExistence("none")).body, false);
    await refused(bus.queues.get(rg, ns, "none"), 404, "NotFound");
    await refused(bus.queues.createOrUpdate(rg, "nobody", "q", {}), 404, "ParentResourceNotFound");
    await refused(bus.queues.createOrUpdate(rg, ns, "forwards", { forwardTo: "nowhere" }), 400, "BadRequest");
    assert.equal((await bus.queues.createOrUpdate(rg, ns, "forwards", { forwardTo: "orders" })).forwardTo, "orders");
    await bus.queues.delete(rg, ns, "forwards");
    await refused(adf.pipelines.get(rg, df, "None"), 404, "PipelineNotFound");
    await refused(adf.linkedServices.delete(rg, df, "Blob"), 400, "BadRequest");
    assert.deepEqual(await bus.namespaces.checkNameAvailability({ name: ns }).then((a) => [a.nameAvailable, a.reason]), [false, "NameInUse"]);
  });
}

async function change() {
  await step("change", async () => {
    assert.deepEqual((await resources.resourceGroups.update(rg, { tags: { env: "prod" } })).tags, { env: "prod" });
    const n = await bus.namespaces.update(rg, ns, { tags: { a: "2" } });
    assert.deepEqual([n.tags, n.sku.name], [{ a: "2" }, "Standard"]);
    // A client sends back what it read, with one thing changed.
    const q = await bus.queues.get(rg, ns, "orders");
    q.maxDeliveryCount = 7;
    const changed = await bus.queues.createOrUpdate(rg, ns, "orders", q);
    assert.deepEqual([changed.maxDeliveryCount, changed.lockDuration], [7, "PT45S"]);
    const s = await bus.subscriptions.get(rg, ns, "news", "all");
    assert.equal((await bus.subscriptions.createOrUpdate(rg, ns, "news", "all", { ...s, maxDeliveryCount: 4 })).maxDeliveryCount, 4);
    const r = await bus.rules.createOrUpdate(rg, ns, "news", "all", "red", { filterType: "SqlFilter", sqlFilter: { sqlExpression: "colour = 'green'" } });
    assert.equal(r.sqlFilter.sqlExpression, "colour = 'green'");
    assert.deepEqual((await adf.factories.update(rg, df, { tags: { a: "2" } })).tags, { a: "2" });
    const p = await adf.pipelines.get(rg, df, "Each");
    const again = await adf.pipelines.createOrUpdate(rg, df, "Each", { ...p, description: "changed" }, { ifMatch: p.etag });
    assert.equal(again.description, "changed");
    await refused(adf.pipelines.createOrUpdate(rg, df, "Each", p, { ifMatch: p.etag }), 412, "PreconditionFailed");
  });
  await step("keys", async () => {
    const root = await bus.namespaces.listKeys(rg, ns, "RootManageSharedAccessKey");
    assert.ok(root.primaryConnectionString.startsWith("Endpoint=sb://") && root.primaryConnectionString.includes(root.primaryKey));
    const before = await bus.namespaces.listKeys(rg, ns, "app");
    const after = await bus.namespaces.regenerateKeys(rg, ns, "app", { keyType: "PrimaryKey" });
    assert.notEqual(after.primaryKey, before.primaryKey);
    assert.equal(after.secondaryKey, before.secondaryKey);
    assert.equal((await bus.namespaces.listKeys(rg, ns, "app")).primaryKey, after.primaryKey);
    assert.ok((await bus.queues.listKeys(rg, ns, "orders", "sender")).primaryConnectionString.includes(";EntityPath=orders"));
    assert.equal((await bus.topics.listKeys(rg, ns, "news", "reader")).keyName, "reader");
  });
  await step("trigger start and stop", async () => {
    const state = async () => (await adf.triggers.get(rg, df, "OnOrder")).properties.runtimeState;
    await adf.triggers.beginStartAndWait(rg, df, "OnOrder", poll);
    assert.equal(await state(), "Started");
    await adf.triggers.beginStartAndWait(rg, df, "OnOrder", poll);
    await refused(adf.triggers.createOrUpdate(rg, df, "OnOrder", { properties: { ...trigger, description: "other" } }), 400, "TriggerEnabledCannotUpdate");
    await adf.triggers.beginStopAndWait(rg, df, "OnOrder", poll);
    assert.equal(await state(), "Stopped");
  });
}

async function run() {
  await step("run", async () => {
    const { runId } = await adf.pipelines.createRun(rg, df, "Each", { parameters: { items: ["a", "b"] } });
    let r;
    for (let i = 0; i < 300; i++) {
      r = await adf.pipelineRuns.get(rg, df, runId);
      if (!["Queued", "InProgress"].includes(r.status)) break;
      await delay(100);
    }
    assert.deepEqual([r.status, r.pipelineName, r.parameters], ["Succeeded", "Each", { items: '["a","b"]' }]);
    assert.ok(r.runStart instanceof Date && r.runEnd >= r.runStart);
    const window = { lastUpdatedAfter: new Date(Date.now() - 3600e3), lastUpdatedBefore: new Date(Date.now() + 3600e3) };
    const runs = await adf.pipelineRuns.queryByFactory(rg, df, { ...window, filters: [{ operand: "PipelineName", operator: "Equals", values: ["Each"] }] });
    assert.ok(runs.value.some((x) => x.runId === runId && x.status === "Succeeded"));
    const activities = await adf.activityRuns.queryByPipelineRun(rg, df, runId, window);
    assert.deepEqual(activities.value.map((a) => [a.activityName, a.status]).sort(), [["Add", "Succeeded"], ["Add", "Succeeded"], ["Each", "Succeeded"]]);
    await refused(adf.pipelines.createRun(rg, df, "None"), 404, "PipelineNotFound");
    await refused(adf.pipelineRuns.cancel(rg, df, runId), 400, "BadRequest");
  });
}

async function remove() {
  await step("delete each, twice", async () => {
    const deletions = [
      () => adf.triggers.delete(rg, df, "OnOrder"),
      () => adf.pipelines.delete(rg, df, "Each"),
      () => adf.datasets.delete(rg, df, "Data"),
      () => adf.linkedServices.delete(rg, df, "Blob"),
      () => bus.rules.delete(rg, ns, "news", "all", "red"),
      () => bus.subscriptions.delete(rg, ns, "news", "all"),
      () => bus.topics.delete(rg, ns, "news"),
      () => bus.queues.deleteAuthorizationRule(rg, ns, "orders", "sender"),
      () => bus.queues.delete(rg, ns, "results"),
      () => bus.namespaces.deleteAuthorizationRule(rg, ns, "app"),
    ];
    for (const del of deletions) {
      await del();
      await del(); // what isn't there is deleted
    }
    assert.deepEqual(await names(bus.queues.listByNamespace(rg, ns)), ["orders"]);
    assert.deepEqual(await names(adf.pipelines.listByFactory(rg, df)), []);
  });
}

await create("create");
await create("create again");
await show();
await change();
await run();
await remove();
await create("create after deletion");
await step("delete the group with all in it", async () => {
  await adf.factories.delete(rg, df);
  await bus.namespaces.beginDeleteAndWait(rg, ns, poll);
  await refused(bus.namespaces.get(rg, ns), 404, "ResourceNotFound");
  assert.equal((await bus.namespaces.checkNameAvailability({ name: ns })).nameAvailable, true);
  await adf.factories.delete(rg, df);
  await resources.resourceGroups.delete(rg, poll);
  await refused(resources.resourceGroups.get(rg), 404, "ResourceGroupNotFound");
});
