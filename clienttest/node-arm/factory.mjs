// Goes through what a Data Factory does with runs: parameters, queries, reruns, triggers, cancellation. See ../README.md.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { adf, poll, reference, refused, resources, step, subscription } from "./clients.mjs";

const rg = "node-factory";
const df = `node-runs-${subscription.slice(0, 8)}`;
const window = () => ({ lastUpdatedAfter: new Date(Date.now() - 3600e3), lastUpdatedBefore: new Date(Date.now() + 3600e3) });
const filter = (operand, operator, ...values) => ({ operand, operator, values });

// work is a pipeline of three activities, of which the second fails while it is told to.
const work = (breaks) => ({
  parameters: { items: { type: "Array" } },
  variables: { first: { type: "String" }, last: { type: "String" } },
  activities: [
    { name: "First", type: "SetVariable", variableName: "first", value: "@string(pipeline().parameters.items)" },
    { name: "Second", type: "IfCondition", dependsOn: [{ activity: "First", dependencyConditions: ["Succeeded"] }],
      expression: { type: "Expression", value: `@equals(${breaks}, 1)` },
      ifTrueActivities: [{ name: "Break", type: "Fail", message: "told to", errorCode: "42" }] },
    { name: "Third", type: "SetVariable", dependsOn: [{ activity: "Second", dependencyConditions: ["Succeeded"] }],
      variableName: "last", value: "@pipeline().globalParameters.env" },
  ],
});

async function until(what, f) {
  for (let i = 0; i < 600; i++) {
    const found = await f();
    if (found) return found;
    await delay(100);
  }
  throw new Error(`${what} has not happened within a minute`);
}

const ended = (runId) => until(`the end of run ${runId}`, async () => {
  const r = await adf.pipelineRuns.get(rg, df, runId);
  return ["Queued", "InProgress", "Canceling"].includes(r.status) ? undefined : r;
});

async function activities(runId, ...filters) {
  const answer = await adf.activityRuns.queryByPipelineRun(rg, df, runId, { ...window(), filters, orderBy: [{ orderBy: "ActivityName", order: "DESC" }] });
  return answer.value.map((a) => `${a.activityName} ${a.status}`);
}

let failed;

await step("factory with global parameters, linked service, dataset", async () => {
  await resources.resourceGroups.createOrUpdate(rg, { location: "westeurope" });
  await adf.factories.createOrUpdate(rg, df, { location: "westeurope", globalParameters: { env: { type: "String", value: "dev" } } });
  assert.equal((await adf.globalParameters.get(rg, df, "default")).properties.env.value, "dev");
  await adf.linkedServices.createOrUpdate(rg, df, "Blob", { properties: { type: "AzureBlobStorage", serviceEndpoint: "https://a.blob.core.windows.net" } });
  const d = await adf.datasets.createOrUpdate(rg, df, "Data", { properties: { type: "Json", linkedServiceName: reference("LinkedServiceReference", "Blob") } });
  assert.equal(d.properties.linkedServiceName.referenceName, "Blob");
});

await step("a run with parameters that fails, and its activity runs by filter", async () => {
  await adf.pipelines.createOrUpdate(rg, df, "Work", work(1));
  await refused(adf.pipelines.createRun(rg, df, "Work"), 400, "BadRequest");
  const { runId } = await adf.pipelines.createRun(rg, df, "Work", { parameters: { items: ["a", 2] } });
  failed = await ended(runId);
  assert.deepEqual([failed.status, failed.parameters, failed.runGroupId, failed.isLatest], ["Failed", { items: '["a",2]' }, runId, true]);
  assert.match(failed.message, /^Operation on target Second failed/);
  assert.deepEqual(await activities(runId), ["Second Failed", "First Succeeded", "Break Failed"]);
  assert.deepEqual(await activities(runId, filter("Status", "Equals", "Failed"), filter("ActivityType", "NotIn", "Fail")), ["Second Failed"]);
  assert.deepEqual(await activities(runId, filter("ActivityName", "In", "First", "Third")), ["First Succeeded"]);
  await refused(activities(runId, filter("PipelineName", "Equals", "Work")), 400, "BadRequest");
});

await step("reruns", async () => {
  await adf.pipelines.createOrUpdate(rg, df, "Work", work(0));
  const rerun = async (options) => ended((await adf.pipelines.createRun(rg, df, "Work", { referencePipelineRunId: failed.runId, ...options })).runId);
  const fromFailure = await rerun({ isRecovery: true, startFromFailure: true });
  assert.deepEqual([fromFailure.status, fromFailure.runGroupId, fromFailure.parameters], ["Succeeded", failed.runId, failed.parameters]);
  assert.equal((await adf.pipelineRuns.get(rg, df, failed.runId)).isLatest, false);
  const fromActivity = await rerun({ isRecovery: true, startActivityName: "Third" });
  assert.deepEqual([fromActivity.status, fromActivity.runGroupId, fromActivity.isLatest], ["Succeeded", failed.runId, true]);
  const alone = await rerun({ parameters: { items: [] } });
  assert.deepEqual([alone.status, alone.runGroupId, alone.parameters], ["Succeeded", alone.runId, failed.parameters], "the parameters of the run that is named count");
  await refused(rerun({ isRecovery: true, startActivityName: "None" }), 400, "BadRequest");
  const query = async (...filters) => (await adf.pipelineRuns.queryByFactory(rg, df, { ...window(), filters, orderBy: [{ orderBy: "RunStart", order: "DESC" }] })).value.map((r) => r.runId);
  assert.deepEqual(await query(filter("RunGroupId", "Equals", failed.runId)), [fromActivity.runId, fromFailure.runId, failed.runId]);
  assert.deepEqual(await query(filter("LatestOnly", "Equals", "true"), filter("PipelineName", "Equals", "Work")), [alone.runId, fromActivity.runId]);
  assert.deepEqual(await query(filter("Status", "In", "Failed", "Cancelled")), [failed.runId]);
});

await step("a schedule trigger fires", async () => {
  const startTime = new Date(Date.now() + 2000);
  await adf.triggers.createOrUpdate(rg, df, "Often", { properties: {
    type: "ScheduleTrigger", recurrence: { frequency: "Minute", interval: 1, startTime, timeZone: "UTC" },
    pipelines: [{ pipelineReference: reference("PipelineReference", "Work"), parameters: { items: ["@trigger().name"] } }],
  } });
  await adf.triggers.beginStartAndWait(rg, df, "Often", poll);
  const listed = await adf.triggers.queryByFactory(rg, df, {});
  assert.deepEqual(listed.value.map((t) => [t.name, t.properties.runtimeState]), [["Often", "Started"]]);
  await refused(adf.triggers.delete(rg, df, "Often"), 400, "TriggerEnabledCannotUpdate");
  const [fired] = await until("a trigger run", async () => {
    const { value } = await adf.triggerRuns.queryByFactory(rg, df, { ...window(), filters: [filter("TriggerName", "Equals", "Often")] });
    return value.length && value;
  });
  assert.deepEqual([fired.status, fired.triggerType, Object.keys(fired.triggeredPipelines)], ["Succeeded", "ScheduleTrigger", ["Work"]]);
  const run = await ended(fired.triggeredPipelines.Work);
  assert.deepEqual([run.status, run.invokedBy.name, run.invokedBy.invokedByType], ["Succeeded", "Often", "ScheduleTrigger"]);
  await refused(adf.triggerRuns.rerun(rg, df, "Often", fired.triggerRunId), 400, "BadRequest");
  await adf.triggers.beginStopAndWait(rg, df, "Often", poll);
  assert.equal((await adf.triggers.get(rg, df, "Often")).properties.runtimeState, "Stopped");
});

await step("cancellation", async () => {
  await adf.pipelines.createOrUpdate(rg, df, "Long", { activities: [{ name: "Wait", type: "Wait", waitTimeInSeconds: 3600 }] });
  await adf.pipelines.createOrUpdate(rg, df, "Above", { activities: [
    { name: "Below", type: "ExecutePipeline", pipeline: reference("PipelineReference", "Long"), waitOnCompletion: true }] });
  const { runId } = await adf.pipelines.createRun(rg, df, "Above");
  const below = await until("the run below", async () => {
    const { value } = await adf.pipelineRuns.queryByFactory(rg, df, { ...window(), filters: [filter("PipelineName", "Equals", "Long")] });
    return value[0];
  });
  await adf.pipelineRuns.cancel(rg, df, runId, { isRecursive: true });
  assert.deepEqual([(await ended(runId)).status, (await ended(below.runId)).status], ["Cancelled", "Cancelled"]);
  await refused(adf.pipelineRuns.cancel(rg, df, runId), 400, "BadRequest");
});

await step("what is not supported says so", async () => {
  assert.equal((await adf.integrationRuntimes.getStatus(rg, df, "AutoResolveIntegrationRuntime")).properties.state, "Online");
  await refused(adf.integrationRuntimes.listAuthKeys(rg, df, "AutoResolveIntegrationRuntime"), 501, "NotSupported");
  await refused(adf.changeDataCapture.get(rg, df, "c"), 501, "NotSupported");
});

await step("deletion", async () => {
  await adf.triggers.delete(rg, df, "Often");
  await adf.factories.delete(rg, df);
  await refused(adf.pipelineRuns.get(rg, df, failed.runId), 404, "ResourceNotFound");
  await resources.resourceGroups.delete(rg, poll);
});
