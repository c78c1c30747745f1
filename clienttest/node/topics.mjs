// Uses the topics of @azure/service-bus against a running Switchyard. See ../README.md.
import assert from "node:assert/strict";
import { ServiceBusClient } from "@azure/service-bus";

const connectionString = process.env.SERVICEBUS_CONNECTION_STRING;
const topic = process.env.SERVICEBUS_TOPIC ?? "clienttest-topic";
const subscription = process.env.SERVICEBUS_SUBSCRIPTION ?? "clienttest";
if (!connectionString) {
  console.error("SERVICEBUS_CONNECTION_STRING is not set");
  process.exit(2);
}

const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 1, retryDelayInMs: 50, timeoutInMs: 20000 } });

async function run() {
  const manager = client.createRuleManager(topic, subscription);
  assert.deepEqual((await manager.getRules()).map((r) => r.name), ["$Default"]);
  await manager.createRule("sql", { sqlExpression: "size > 10 AND sys.Label = 'order'" }, { sqlExpression: "SET size = size + 1; REMOVE color" });
  await manager.createRule("correlation", { subject: "invoice", applicationProperties: { color: "red" } });
  await manager.deleteRule("$Default");
  await assert.rejects(manager.createRule("sql", { sqlExpression: "1=1" }), { code: "MessagingEntityAlreadyExists" });
  await assert.rejects(manager.createRule("bad", { sqlExpression: "a = " }));
  await assert.rejects(manager.deleteRule("none"));
  const rules = await manager.getRules();
  assert.deepEqual(rules.map((r) => r.name), ["sql", "correlation"]);
  assert.equal(rules[0].filter.sqlExpression, "size > 10 AND sys.Label = 'order'");
  assert.equal(rules[0].action.sqlExpression, "SET size = size + 1; REMOVE color");
  assert.equal(rules[1].filter.subject, "invoice");
  assert.deepEqual(rules[1].filter.applicationProperties, { color: "red" });
  console.log("ok   rules");

  const sender = client.createSender(topic);
  await sender.sendMessages([
    { body: "a", messageId: "a", subject: "order", applicationProperties: { size: 20, color: "blue" } },
    { body: "b", messageId: "b", subject: "order", applicationProperties: { size: 5, color: "red" } },
    { body: "c", messageId: "c", subject: "invoice", applicationProperties: { color: "red" } },
    { body: "d", messageId: "d" },
  ]);
  const receiver = client.createReceiver(topic, subscription);
  const got = [];
  while (got.length < 2) {
    const part = await receiver.receiveMessages(2 - got.length, { maxWaitTimeInMs: 10000 });
    assert.notEqual(part.length, 0, `received ${got.length} of 2 messages`);
    got.push(...part);
  }
  assert.deepEqual(got.map((m) => [m.messageId, m.body]), [["a", "a"], ["c", "c"]]);
  assert.deepEqual(got[0].applicationProperties, { size: 21, RuleName: "sql" });
  assert.deepEqual(got[1].applicationProperties, { color: "red" });
  await receiver.completeMessage(got[0]);
  await receiver.deadLetterMessage(got[1], { deadLetterReason: "why" });
  const [dead] = await client.createReceiver(topic, subscription, { subQueueType: "deadLetter" }).receiveMessages(1, { maxWaitTimeInMs: 10000 });
  assert.deepEqual([dead.messageId, dead.deadLetterReason], ["c", "why"]);
  assert.equal((await receiver.receiveMessages(1, { maxWaitTimeInMs: 500 })).length, 0, "the subscription should be empty");
  console.log("ok   send to a topic, receive from its subscription");
}

try {
  await run();
} catch (err) {
  console.error("FAIL", err);
  process.exitCode = 1;
} finally {
  await client.close();
}
