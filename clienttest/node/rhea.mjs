// Uses rhea, an AMQP library that knows nothing of Service Bus, with SASL PLAIN against a
// running Switchyard. See ../README.md.
import assert from "node:assert/strict";
import { execSync } from "node:child_process";
import { once } from "node:events";
import rhea from "rhea";

const connectionString = process.env.SERVICEBUS_CONNECTION_STRING;
const queue = process.env.SERVICEBUS_QUEUE ?? "clienttest";
const sessions = process.env.SERVICEBUS_SESSION_QUEUE ?? "clienttest-sessions";
if (!connectionString) {
  console.error("SERVICEBUS_CONNECTION_STRING is not set");
  process.exit(2);
}
const setting = Object.fromEntries(connectionString.split(";").filter(Boolean).map((s) => [s.slice(0, s.indexOf("=")), s.slice(s.indexOf("=") + 1)]));
const [host, port] = setting.Endpoint.replace("sb://", "").replace("/", "").split(":");
const { types, message: sections } = rhea;

function connect(options = {}) {
  const container = rhea.create_container();
  return container.connect({ host, port: Number(port ?? 5672), username: setting.SharedAccessKeyName, password: setting.SharedAccessKey,
    reconnect: false, ...options });
}

// event waits for an event and returns its context.
async function event(from, name) {
  const [context] = await once(from, name, { signal: AbortSignal.timeout(20000) });
  return context;
}

const connection = connect();
await event(connection, "connection_open");

async function senderTo(address, options = {}) {
  const sender = connection.open_sender({ target: address, ...options });
  await event(sender, "sendable");
  return sender;
}

async function receiverFrom(address, options = {}) {
  const receiver = connection.open_receiver({ source: address, credit_window: 0, autoaccept: false, rcv_settle_mode: 1, ...options });
  await event(receiver, "receiver_open");
  return receiver;
}

async function send(sender, ...messages) {
  for (const m of messages) {
    sender.send(m);
    await event(sender, "accepted");
  }
}

// receive asks for n messages and returns their contexts.
async function receive(receiver, n) {
  const got = [];
  const all = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`received ${got.length} of ${n} messages`)), 20000);
    const take = (context) => {
      got.push(context);
      if (got.length === n) {
        clearTimeout(timer);
        receiver.removeListener("message", take);
        resolve(got);
      }
    };
    receiver.on("message", take);
  });
  receiver.add_credit(n);
  return all;
}

// settle gives a delivery an outcome and waits until the server has settled it.
async function settle(context, outcome) {
  const settled = event(context.receiver, "settled");
  outcome(context.delivery);
  await settled;
}
const accept = (context) => settle(context, (d) => d.update(false, sections.accepted().described()));

// receiveNone drains: there is no message, and the credit is gone.
async function receiveNone(receiver) {
  const refuse = (context) => assert.fail(`a message where none should be: ${context.message.body}`);
  receiver.on("message", refuse);
  receiver.drain = true;
  const start = Date.now();
  const drained = event(receiver, "receiver_drained");
  receiver.add_credit(1);
  await drained;
  receiver.drain = false;
  receiver.removeListener("message", refuse);
  assert.ok(Date.now() - start < 2000, `the drain took ${Date.now() - start} ms`);
  assert.equal(receiver.credit, 0);
}

// refused waits for the error with which a link is ended.
async function refused(from, name, condition, text) {
  const context = await event(from, name);
  const error = (context.sender ?? context.receiver).error;
  assert.equal(error.condition, condition);
  assert.match(error.description, text);
}

async function step(name, f) {
  try {
    await f();
    console.log(`ok   rhea: ${name}`);
  } catch (err) {
    console.error(`FAIL rhea: ${name}:`, err);
    throw err;
  }
}

async function run() {
  const sender = await senderTo(queue);
  const receiver = await receiverFrom(queue);

  await step("message ids of every type", async () => {
    const uuid = Buffer.from("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "hex");
    await send(sender, { message_id: "text", body: 1 }, { message_id: 17, body: 2 }, { message_id: uuid, body: 3 });
    const got = await receive(receiver, 3);
    assert.deepEqual(got.map((c) => c.message.message_id), ["text", 17, uuid]);
    for (const c of got) await accept(c);
  });

  await step("bodies and types", async () => {
    const list = [types.wrap_int(-1), "two", types.wrap_list([types.wrap_ulong(3), null]), types.wrap_map({ a: types.wrap_map({ b: true }) })];
    await send(sender,
      { body: sections.data_section(Buffer.from([0, 1, 255])) },
      { body: sections.data_sections([Buffer.from("a"), Buffer.from("b")]) },
      { body: sections.sequence_section(list) },
      { body: types.wrap_map({ nested: types.wrap_map({ deeper: types.wrap_list([1, 2]) }), when: types.wrap_timestamp(1767225600000) }) },
      { body: null },
      { body: "x", application_properties: {
        byte: types.wrap_byte(-5), ubyte: types.wrap_ubyte(200), short: types.wrap_short(-300), uint: types.wrap_uint(4000000000),
        long: types.wrap_long(-70000000000), float: types.wrap_float(0.5), double: types.wrap_double(1.1), flag: false, nothing: null,
        when: types.wrap_timestamp(1767225600000), uuid: types.wrap_uuid(Buffer.from("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "hex")), char: types.wrap_char(0x20ac),
        symbol: types.wrap_symbol("sym"), binary: types.wrap_binary(Buffer.from([1, 2])) } });
    const got = await receive(receiver, 6);
    const bodies = got.map((c) => c.message.body);
    assert.deepEqual(bodies[0].content, Buffer.from([0, 1, 255]));
    assert.ok(bodies[0].typecode === 0x75 && bodies[1].typecode === 0x75 && bodies[2].typecode === 0x76);
    assert.deepEqual(bodies[1].content, [Buffer.from("a"), Buffer.from("b")]);
    assert.deepEqual(bodies[2].content, [-1, "two", [3, null], { a: { b: true } }]);
    assert.deepEqual([bodies[3].nested, bodies[3].when.getTime()], [{ deeper: [1, 2] }, 1767225600000]);
    assert.equal(bodies[4], null);
    const p = got[5].message.application_properties;
    assert.deepEqual([p.byte, p.ubyte, p.short, p.uint, p.long, p.float, p.double, p.flag, p.nothing, p.when.getTime(), p.symbol],
      [-5, 200, -300, 4000000000, -70000000000, 0.5, 1.1, false, null, 1767225600000, "sym"]);
    assert.deepEqual([p.uuid, p.binary], [Buffer.from("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "hex"), Buffer.from([1, 2])]);
    for (const c of got) await accept(c);
  });

  await step("each outcome", async () => {
    await send(sender, { body: "m" });
    for (const [outcome, before] of [[sections.released(), 0], [sections.modified({ delivery_failed: true }), 0], [sections.rejected({ error: { condition: "app:bad", description: "very" } }), 1]]) {
      const [c] = await receive(receiver, 1);
      assert.equal(c.message.delivery_count ?? 0, before);
      await settle(c, (d) => d.update(false, outcome.described()));
    }
    await receiveNone(receiver);
    const dead = await receiverFrom(`${queue}/$DeadLetterQueue`);
    const [c] = await receive(dead, 1);
    assert.deepEqual([c.message.application_properties.DeadLetterReason, c.message.application_properties.DeadLetterErrorDescription], ["app:bad", "very"]);
    await accept(c);
    dead.close();
  });

  await step("credit is what was given", async () => {
    await send(sender, { body: 1 }, { body: 2 }, { body: 3 });
    const two = await receive(receiver, 2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(receiver.credit, 0);
    for (const c of [...two, ...await receive(receiver, 1)]) await accept(c);
    await receiveNone(receiver);
  });

  await step("receive and delete", async () => {
    await send(sender, { body: "gone" });
    const deleting = await receiverFrom(queue, { snd_settle_mode: 1, rcv_settle_mode: 0 });
    const [c] = await receive(deleting, 1);
    assert.ok(c.delivery.remote_settled);
    deleting.close();
    await receiveNone(receiver);
  });

  await step("a message of several frames", async () => {
    const body = Buffer.alloc(200000, "abc");
    await send(sender, { body: sections.data_section(body) });
    const [c] = await receive(receiver, 1);
    assert.ok(c.message.body.content.equals(body));
    await accept(c);
  });

  await step("a message that is too large is rejected, the link lives on", async () => {
    sender.send({ body: sections.data_section(Buffer.alloc(300000)) });
    const context = await event(sender, "rejected");
    assert.equal(context.delivery.remote_state.error.condition, "amqp:link:message-size-exceeded");
    await send(sender, { body: "small" });
    await accept((await receive(receiver, 1))[0]);
  });

  await step("links that are refused", async () => {
    await refused(connection.open_receiver({ source: `${queue}-missing` }), "receiver_error", "amqp:not-found", /The messaging entity 'sb:.*-missing' could not be found/);
    await refused(connection.open_sender({ target: `${queue}/$DeadLetterQueue` }), "sender_error", "amqp:not-allowed", /dead-letter/);
    await refused(connection.open_receiver({ source: sessions }), "receiver_error", "amqp:not-allowed", /requires sessions/);
  });

  await step("a link of the same name takes the place of the first", async () => {
    const first = await receiverFrom(queue, { name: "same" });
    const stolen = refused(first, "receiver_error", "amqp:link:stolen", /same name/);
    const second = connection.create_session();
    second.open();
    const other = second.open_receiver({ source: queue, name: "same", credit_window: 0 });
    await event(other, "receiver_open");
    await stolen;
    second.close();
    await event(second, "session_close");
  });

  await step("300 links in one session", async () => {
    const links = Array.from({ length: 300 }, () => connection.open_receiver({ source: queue, credit_window: 0, autoaccept: false, rcv_settle_mode: 1 }));
    await Promise.all(links.map((r) => event(r, "receiver_open")));
    await send(sender, { body: "last" });
    await accept((await receive(links.at(-1), 1))[0]);
    await Promise.all(links.map((r) => { r.close(); return event(r, "receiver_close"); }));
  });

  await step("a session", async () => {
    await send(await senderTo(sessions), { body: "s1", group_id: "rhea" }, { body: "s2", group_id: "rhea" });
    const r = connection.open_receiver({ credit_window: 0, autoaccept: false, rcv_settle_mode: 1,
      source: { address: sessions, filter: { "com.microsoft:session-filter": "rhea" } } });
    await event(r, "receiver_open");
    assert.equal(r.source.filter["com.microsoft:session-filter"], "rhea");
    const got = await receive(r, 2);
    assert.deepEqual(got.map((c) => c.message.body), ["s1", "s2"]);
    for (const c of got) await accept(c);
    r.close();
  });

  await step("a wrong key", async () => {
    const other = connect({ password: "wrong" });
    other.on("disconnected", () => {});
    assert.equal((await event(other, "connection_error")).error.condition, "amqp:unauthorized-access");
  });

  await step("the server restarts", async () => {
    if (!process.env.SERVICEBUS_RESTART) return console.log("left out: SERVICEBUS_RESTART is not set");
    await send(sender, { body: "before" });
    const again = connect({ reconnect: true, initial_reconnect_delay: 50, max_reconnect_delay: 500 });
    const s = again.open_sender(queue);
    const r = again.open_receiver({ source: queue, credit_window: 0, autoaccept: false, rcv_settle_mode: 1 });
    await event(s, "sendable");
    connection.on("disconnected", () => {}); // this one stays away
    const back = event(again, "disconnected").then(() => event(s, "sendable"));
    execSync(process.env.SERVICEBUS_RESTART, { stdio: "inherit" });
    await back;
    await send(s, { body: "after" });
    const got = await receive(r, 2);
    assert.deepEqual(got.map((c) => c.message.body), ["before", "after"]);
    for (const c of got) await accept(c);
    await receiveNone(r);
    again.close();
  });
}

setTimeout(() => {
  console.error("FAIL rhea: it takes too long");
  process.exit(1);
}, 120000).unref();
try {
  await run();
} catch {
  process.exitCode = 1;
} finally {
  connection.close();
  setTimeout(() => process.exit(), 1000).unref();
}
