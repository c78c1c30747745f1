// Uses @azure/service-bus against a running Switchyard. See ../README.md.
import assert from "node:assert/strict";
import { ServiceBusClient, delay } from "@azure/service-bus";

const connectionString = process.env.SERVICEBUS_CONNECTION_STRING;
const queue = process.env.SERVICEBUS_QUEUE ?? "clienttest";
if (!connectionString) {
  console.error("SERVICEBUS_CONNECTION_STRING is not set");
  process.exit(2);
}

const retryOptions = { maxRetries: 1, retryDelayInMs: 50, timeoutInMs: 20000 };
const client = new ServiceBusClient(connectionString, { retryOptions });
const sender = client.createSender(queue);
const receiver = client.createReceiver(queue);
const deadLetters = client.createReceiver(queue, { subQueueType: "deadLetter" });

async function receive(from, n) {
  const all = [];
  while (all.length < n) {
    const part = await from.receiveMessages(n - all.length, { maxWaitTimeInMs: 10000 });
    assert.notEqual(part.length, 0, `received ${all.length} of ${n} messages`);
    all.push(...part);
  }
  return all;
}

async function receiveNone(from) {
  assert.equal((await from.receiveMessages(1, { maxWaitTimeInMs: 500 })).length, 0, "the queue should be empty");
}

async function step(name, f) {
  try {
    await f();
    console.log(`ok   ${name}`);
  } catch (err) {
    console.error(`FAIL ${name}:`, err);
    process.exitCode = 1;
    throw err;
  }
}

async function run() {
  await step("send, receive and complete", async () => {
    await sender.sendMessages({
      body: { n: 1, text: "größer" }, messageId: "m1", subject: "s", contentType: "application/json", correlationId: "c",
      replyTo: "r", to: "t", timeToLive: 3600 * 1000, applicationProperties: { text: "x", number: 5, flag: true },
    });
    const [m] = await receive(receiver, 1);
    assert.deepEqual(m.body, { n: 1, text: "größer" });
    assert.deepEqual([m.messageId, m.subject, m.contentType, m.correlationId, m.replyTo, m.to], ["m1", "s", "application/json", "c", "r", "t"]);
    assert.deepEqual(m.applicationProperties, { text: "x", number: 5, flag: true });
    assert.equal(m.deliveryCount, 0);
    assert.equal(m.timeToLive, 3600 * 1000);
    assert.equal(m.expiresAtUtc.getTime(), m.enqueuedTimeUtc.getTime() + 3600 * 1000);
    assert.ok(m.lockedUntilUtc > m.enqueuedTimeUtc);
    assert.match(m.lockToken, /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    await receiver.completeMessage(m);
    await receiveNone(receiver);
  });

  await step("batch, in order", async () => {
    const batch = await sender.createMessageBatch();
    for (let i = 0; i < 50; i++) {
      assert.ok(batch.tryAddMessage({ body: `b${i}`, messageId: `b${i}` }));
    }
    await sender.sendMessages(batch);
    const all = await receive(receiver, 50);
    assert.deepEqual(all.map((m) => m.body), Array.from({ length: 50 }, (_, i) => `b${i}`));
    await Promise.all(all.map((m) => receiver.completeMessage(m)));
  });

  await step("abandon with properties", async () => {
    await sender.sendMessages({ body: "abandon" });
    const [m] = await receive(receiver, 1);
    await receiver.abandonMessage(m, { tried: "once" });
    const [again] = await receive(receiver, 1);
    assert.equal(again.sequenceNumber.toString(), m.sequenceNumber.toString());
    assert.equal(again.deliveryCount, 1);
    assert.deepEqual(again.applicationProperties, { tried: "once" });
    await receiver.completeMessage(again);
  });

  await step("defer and receive deferred", async () => {
    await sender.sendMessages({ body: "defer" });
    const [m] = await receive(receiver, 1);
    await receiver.deferMessage(m);
    await receiveNone(receiver);
    const [d] = await receiver.receiveDeferredMessages(m.sequenceNumber);
    assert.equal(d.body, "defer");
    assert.equal(d.deliveryCount, 1);
    assert.equal(d.state, "deferred");
    await receiver.completeMessage(d);
    await assert.rejects(receiver.receiveDeferredMessages(m.sequenceNumber), (err) => err.code === "MessageNotFound");
  });

  await step("dead-letter", async () => {
    await sender.sendMessages({ body: "dead" });
    const [m] = await receive(receiver, 1);
    await receiver.deadLetterMessage(m, { deadLetterReason: "bad", deadLetterErrorDescription: "very bad", extra: 1 });
    const [d] = await receive(deadLetters, 1);
    assert.equal(d.body, "dead");
    assert.equal(d.deadLetterReason, "bad");
    assert.equal(d.deadLetterErrorDescription, "very bad");
    assert.equal(d.applicationProperties.extra, 1);
    await deadLetters.completeMessage(d);
    await receiveNone(deadLetters);
  });

  await step("renew a lock", async () => {
    await sender.sendMessages({ body: "renew" });
    const [m] = await receive(receiver, 1);
    const before = m.lockedUntilUtc;
    await delay(50);
    const until = await receiver.renewMessageLock(m);
    assert.ok(until > before, `${until} is not after ${before}`);
    await receiver.completeMessage(m);
    await assert.rejects(receiver.renewMessageLock(m));
  });

  await step("peek", async () => {
    await sender.sendMessages([{ body: "p1" }, { body: "p2" }, { body: "p3" }]);
    const peeked = await receiver.peekMessages(10);
    assert.deepEqual(peeked.map((m) => m.body), ["p1", "p2", "p3"]);
    assert.ok(peeked[0].sequenceNumber < peeked[1].sequenceNumber);
    const from = await receiver.peekMessages(1, { fromSequenceNumber: peeked[1].sequenceNumber });
    assert.equal(from[0].body, "p2");
  });

  await step("receive and delete", async () => {
    const deleting = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
    const all = await receive(deleting, 3);
    assert.deepEqual(all.map((m) => m.body), ["p1", "p2", "p3"]);
    await receiveNone(deleting);
    await deleting.close();
  });

  await step("subscribe", async () => {
    await sender.sendMessages([{ body: "s1" }, { body: "s2" }]);
    const seen = [];
    const streaming = client.createReceiver(queue);
    await new Promise((resolve, reject) => {
      streaming.subscribe({
        processMessage: async (m) => { seen.push(m.body); if (seen.length === 2) resolve(); },
        processError: async (args) => reject(args.error),
      });
    });
    await streaming.close();
    assert.deepEqual(seen, ["s1", "s2"]);
    await receiveNone(receiver);
  });

  await step("a missing queue", async () => {
    const nowhere = client.createSender(`${queue}-missing`);
    try {
      await assert.rejects(nowhere.sendMessages({ body: "x" }), (err) => err.code === "MessagingEntityNotFound");
    } finally {
      await nowhere.close();
    }
  });

  await step("a wrong key", async () => {
    const other = new ServiceBusClient(connectionString.replace(/SharedAccessKey=[^;]*/, "SharedAccessKey=wrong"), { retryOptions });
    try {
      // After retries the library wraps what it got.
      await assert.rejects(other.createSender(queue).sendMessages({ body: "x" }),
        (err) => [err, ...(err.errors ?? [])].some((e) => e.code === "UnauthorizedAccess"));
    } finally {
      await other.close();
    }
  });

  await step("sessions are refused", async () => {
    // The library reports its own guess, not the reason in the detach.
    await assert.rejects(client.acceptSession(queue, "s"), { name: "ServiceBusError" });
  });
}

const watchdog = setTimeout(() => {
  console.error("FAIL: it takes too long");
  process.exit(1);
}, 120000);
try {
  await run();
} catch {
  process.exitCode = 1;
} finally {
  await client.close();
  clearTimeout(watchdog);
}
