// Uses @azure/service-bus against a running Switchyard. See ../README.md.
import assert from "node:assert/strict";
import { execSync } from "node:child_process";
import { ServiceBusClient, delay } from "@azure/service-bus";

const connectionString = process.env.SERVICEBUS_CONNECTION_STRING;
const queue = process.env.SERVICEBUS_QUEUE ?? "clienttest";
const sessions = process.env.SERVICEBUS_SESSION_QUEUE ?? "clienttest-sessions";
const sessionTopic = process.env.SERVICEBUS_SESSION_TOPIC ?? "clienttest-session-topic";
const duplicates = process.env.SERVICEBUS_DUPLICATE_QUEUE ?? "clienttest-duplicates";
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

  await step("sessions of a queue that has none are refused", async () => {
    // The library reports its own guess, not the reason in the detach.
    await assert.rejects(client.acceptSession(queue, "s"), { name: "ServiceBusError" });
  });

  await scheduled();
  await withSessions();
  await detectsDuplicates();
  await restarts();
}

// restarts is the last: the server is killed and comes back with what it acknowledged.
async function restarts() {
  await step("the server restarts", async () => {
    if (!process.env.SERVICEBUS_RESTART) return console.log("left out: SERVICEBUS_RESTART is not set");
    const toSession = client.createSender(sessions);
    await sender.sendMessages([{ body: "locked" }, { body: "waiting" }]);
    const [locked] = await receive(receiver, 1);
    const [number] = await sender.scheduleMessages({ body: "scheduled" }, new Date(Date.now() + 3600 * 1000));
    const before = await client.acceptSession(sessions, "restart", { maxAutoLockRenewalDurationInMs: 0 });
    await before.setSessionState("half");
    await new Promise((done) => setTimeout(done, 300)); // a lock of less than 100 ms may be lost
    execSync(process.env.SERVICEBUS_RESTART, { stdio: "inherit" });
    await sender.sendMessages({ body: "after" });
    await receiver.completeMessage(locked); // the lock is the message's, not the link's
    const rest = await receive(receiver, 2);
    assert.deepEqual(rest.map((m) => [m.body, m.deliveryCount]), [["waiting", 0], ["after", 0]]);
    for (const m of rest) await receiver.completeMessage(m);
    await sender.cancelScheduledMessages(number);
    await receiveNone(receiver);
    await before.close();
    await toSession.sendMessages({ body: "s1", sessionId: "restart" });
    const after = await client.acceptSession(sessions, "restart");
    assert.equal(await after.getSessionState(), "half");
    await after.setSessionState(null);
    const [m] = await receive(after, 1);
    await after.completeMessage(m);
    await after.close();
    await toSession.close();
  });
}

async function scheduled() {
  await step("schedule, peek, cancel", async () => {
    const at = new Date(Date.now() + 2000);
    const [never, soon] = await sender.scheduleMessages([{ body: "never" }, { body: "soon" }], at);
    assert.ok(soon > never, `${soon} is not after ${never}`);
    const peeked = await receiver.peekMessages(10);
    assert.deepEqual(peeked.map((m) => [m.body, m.state, m.sequenceNumber.toString()]),
      [["never", "scheduled", never.toString()], ["soon", "scheduled", soon.toString()]]);
    assert.equal(peeked[1].scheduledEnqueueTimeUtc.getTime(), at.getTime());
    await sender.cancelScheduledMessages(never);
    await receiveNone(receiver);
    const [m] = await receive(receiver, 1);
    assert.equal(m.body, "soon");
    assert.ok(m.enqueuedTimeUtc >= at, `enqueued at ${m.enqueuedTimeUtc.toISOString()}, scheduled for ${at.toISOString()}`);
    assert.ok(m.sequenceNumber > soon, `the number ${m.sequenceNumber} is not another than ${soon}`);
    await receiver.completeMessage(m);
    await receiveNone(receiver);
    await assert.rejects(sender.cancelScheduledMessages(never), (err) => err.code === "MessageNotFound");
  });
}

async function withSessions() {
  const toSession = client.createSender(sessions);
  const send = (sessionId, ...bodies) => toSession.sendMessages(bodies.map((body) => ({ body, sessionId })));
  // Locks are renewed only where a step says so.
  const options = { maxAutoLockRenewalDurationInMs: 0 };
  const within = async (sessionId, f) => {
    const r = await client.acceptSession(sessions, sessionId, options);
    try {
      assert.equal(r.sessionId, sessionId);
      await f(r);
    } finally {
      await r.close();
    }
  };
  const bodies = (all) => all.map((m) => m.body);

  await step("session: in order", async () => {
    await send("a", "a1", "a2", "a3");
    await send("b", "b1");
    await within("a", async (r) => {
      const left = r.sessionLockedUntilUtc - Date.now();
      assert.ok(left > 5000 && left < 11000, `the lock is for ${left} ms`);
      const all = await receive(r, 3);
      assert.deepEqual(all.map((m) => [m.body, m.sessionId]), [["a1", "a"], ["a2", "a"], ["a3", "a"]]);
      for (const m of all) await r.completeMessage(m);
      await receiveNone(r);
    });
    await within("b", async (r) => {
      const [m] = await receive(r, 1);
      assert.equal(m.body, "b1");
      await r.completeMessage(m);
    });
  });

  await step("session: abandon", async () => {
    await send("a", "a1", "a2");
    await within("a", async (r) => {
      const [m] = await receive(r, 1);
      await r.abandonMessage(m);
      const all = await receive(r, 2);
      assert.deepEqual(all.map((m) => [m.body, m.deliveryCount]), [["a1", 1], ["a2", 0]]);
      for (const m of all) await r.completeMessage(m);
    });
  });

  await step("session: state", async () => {
    await within("state", async (r) => {
      assert.equal(await r.getSessionState() ?? null, null);
      await r.setSessionState({ at: 5, text: "größer" });
    });
    await within("state", async (r) => {
      assert.deepEqual(await r.getSessionState(), { at: 5, text: "größer" });
      await r.setSessionState(null);
      assert.equal(await r.getSessionState() ?? null, null);
    });
  });

  await step("session: renew its lock", async () => {
    await within("a", async (r) => {
      const before = r.sessionLockedUntilUtc;
      await delay(100);
      const until = await r.renewSessionLock();
      assert.ok(until > before, `${until.toISOString()} is not after ${before.toISOString()}`);
      assert.equal(r.sessionLockedUntilUtc.getTime(), until.getTime());
    });
  });

  await step("session: the next", async () => {
    await send("x", "x1");
    await send("y", "y1");
    const first = await client.acceptNextSession(sessions, options);
    const second = await client.acceptNextSession(sessions, options);
    assert.deepEqual([first.sessionId, second.sessionId].sort(), ["x", "y"]);
    for (const r of [first, second]) {
      const [m] = await receive(r, 1);
      assert.equal(m.body, `${r.sessionId}1`);
      await r.completeMessage(m);
      await r.close();
    }
  });

  await step("session: the next comes later", async () => {
    const next = client.acceptNextSession(sessions, options);
    await delay(300);
    await send("late", "l1");
    const r = await next;
    assert.equal(r.sessionId, "late");
    const [m] = await receive(r, 1);
    await r.completeMessage(m);
    await r.close();
  });

  await step("session: there is no next", async () => {
    const impatient = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: 2000 } });
    const start = Date.now();
    try {
      await assert.rejects(impatient.acceptNextSession(sessions), (err) => err.code === "ServiceTimeout");
      assert.ok(Date.now() - start < 6000, `it took ${Date.now() - start} ms`);
    } finally {
      await impatient.close();
    }
  });

  await step("session: held by another", async () => {
    await within("a", async (r) => {
      await assert.rejects(client.acceptSession(sessions, "a", options), (err) => err.code === "SessionCannotBeLocked");
      await send("a", "a1"); // the holder goes on
      const [m] = await receive(r, 1);
      await r.completeMessage(m);
    });
  });

  await step("session: defer and receive deferred", async () => {
    await send("a", "d1", "d2");
    await within("a", async (r) => {
      const [m] = await receive(r, 1);
      assert.equal(m.body, "d1");
      await r.deferMessage(m);
      const [other] = await receive(r, 1);
      assert.equal(other.body, "d2");
      await r.completeMessage(other);
      const [d] = await r.receiveDeferredMessages(m.sequenceNumber);
      assert.deepEqual([d.body, d.sessionId, d.state], ["d1", "a", "deferred"]);
      await r.completeMessage(d);
      await assert.rejects(r.receiveDeferredMessages(m.sequenceNumber), (err) => err.code === "MessageNotFound");
    });
  });

  await step("session: dead-letter", async () => {
    await send("a", "dead");
    await within("a", async (r) => {
      const [m] = await receive(r, 1);
      await r.deadLetterMessage(m, { deadLetterReason: "bad", deadLetterErrorDescription: "very bad" });
      await receiveNone(r);
    });
    const dead = client.createReceiver(sessions, { subQueueType: "deadLetter" }); // has no sessions
    const [d] = await receive(dead, 1);
    assert.deepEqual([d.body, d.sessionId, d.deadLetterReason, d.deadLetterErrorDescription], ["dead", "a", "bad", "very bad"]);
    await dead.completeMessage(d);
    await dead.close();
  });

  await step("session: peek", async () => {
    await send("a", "a1", "a2");
    await send("b", "b1");
    await within("a", async (r) => {
      const peeked = await r.peekMessages(10);
      assert.deepEqual(peeked.map((m) => [m.body, m.sessionId]), [["a1", "a"], ["a2", "a"]]);
      assert.deepEqual(bodies(await r.peekMessages(10, { fromSequenceNumber: peeked[1].sequenceNumber })), ["a2"]);
      for (const m of await receive(r, 2)) await r.completeMessage(m);
    });
    await within("b", async (r) => {
      for (const m of await receive(r, 1)) await r.completeMessage(m);
    });
  });

  await step("session: receive and delete", async () => {
    await send("a", "a1", "a2");
    const r = await client.acceptSession(sessions, "a", { receiveMode: "receiveAndDelete" });
    assert.deepEqual(bodies(await receive(r, 2)), ["a1", "a2"]);
    await receiveNone(r);
    await r.close();
  });

  await step("session: subscribe", async () => {
    await send("a", "s1", "s2", "s3");
    const r = await client.acceptSession(sessions, "a");
    const seen = [];
    await new Promise((resolve, reject) => {
      r.subscribe({
        processMessage: async (m) => { seen.push(m.body); if (seen.length === 3) resolve(); },
        processError: async (args) => reject(args.error),
      });
    });
    await delay(200); // what it has seen is completed after that, and closing does not wait for it
    await r.close();
    assert.deepEqual(seen, ["s1", "s2", "s3"]);
    await within("a", receiveNone);
  });

  await step("session: a message without an id", async () => {
    await assert.rejects(toSession.sendMessages({ body: "x" }), (err) => /SessionId was not set/.test(err.message));
    const r = client.createReceiver(sessions); // nor is there a receiver without a session
    await assert.rejects(r.receiveMessages(1, { maxWaitTimeInMs: 500 }), (err) => /requires sessions/.test(err.message));
    await r.close();
  });

  await step("session: schedule", async () => {
    const [number] = await toSession.scheduleMessages({ body: "soon", sessionId: "a" }, new Date(Date.now() + 2000));
    await within("a", async (r) => {
      const [peeked] = await r.peekMessages(10);
      assert.deepEqual([peeked.body, peeked.state], ["soon", "scheduled"]);
      const [m] = await receive(r, 1);
      assert.ok(m.body === "soon" && m.sequenceNumber > number, `${m.body}, number ${m.sequenceNumber}`);
      await r.completeMessage(m);
    });
  });
  await toSession.close();

  await step("session: of a subscription", async () => {
    const toTopic = client.createSender(sessionTopic);
    await toTopic.sendMessages([{ body: "a1", sessionId: "a" }, { body: "a2", sessionId: "a" }]);
    const r = await client.acceptNextSession(sessionTopic, "clienttest", options);
    assert.equal(r.sessionId, "a");
    await r.setSessionState("half");
    assert.equal(await r.getSessionState(), "half");
    await r.setSessionState(null);
    assert.ok(await r.renewSessionLock() > new Date());
    const all = await receive(r, 2);
    assert.deepEqual(bodies(all), ["a1", "a2"]);
    await r.completeMessage(all[0]);
    await r.close();
    const again = await client.acceptSession(sessionTopic, "clienttest", "a", options);
    const [m] = await receive(again, 1);
    assert.deepEqual([m.body, m.sessionId, m.deliveryCount], ["a2", "a", 0]);
    await again.completeMessage(m);
    await receiveNone(again);
    await again.close();
    await toTopic.close();
  });
}

async function detectsDuplicates() {
  await step("duplicates are dropped", async () => {
    const s = client.createSender(duplicates);
    const r = client.createReceiver(duplicates);
    await s.sendMessages({ body: "first", messageId: "1" });
    await s.sendMessages({ body: "again", messageId: "1" });
    await s.sendMessages([{ body: "in a batch", messageId: "1" }, { body: "second", messageId: "2" }, { body: "twice", messageId: "2" }]);
    const all = await receive(r, 2);
    assert.deepEqual(all.map((m) => m.body), ["first", "second"]);
    for (const m of all) await r.completeMessage(m);
    await s.sendMessages({ body: "after it was completed", messageId: "1" });
    await receiveNone(r);
    await r.close();
    await s.close();
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
