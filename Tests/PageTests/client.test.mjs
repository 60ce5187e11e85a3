// The client before a scripted gateway: it reconnects, resumes, and loses nothing on the way.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { settled, TestClock } from "./support/clock.mjs";
import { ClientBench, outcomeOf } from "./support/socket.mjs";

let clock;
beforeEach(() => (clock = new TestClock()));
afterEach(() => clock.restore());

/** A client with an open connection. */
async function connected(options, welcome) {
  const bench = new ClientBench(clock, options);
  bench.client.connect();
  await bench.welcome(welcome);
  return bench;
}

/** Drops the connection and opens the next one. */
async function reconnect(bench, welcome) {
  bench.socket.drop();
  await clock.advance(15_000);
  await bench.welcome(welcome);
}

test("the handshake names the protocol and carries the token", async () => {
  const bench = await connected();
  assert.deepEqual(bench.socket.protocols, ["windsock.v1", "bearer.first"]);
  assert.deepEqual(bench.states, ["connecting", "open"]);
  assert.equal(bench.client.userID, "ann");
});

test("a lost connection is opened again after a back-off that grows, and shrinks after a stable connection", async () => {
  const bench = await connected();
  for (const delay of [250, 500, 1_000]) {
    const { length } = bench.sockets;
    bench.socket.drop();
    assert.equal(bench.client.state.retryAt, clock.now + delay);
    await clock.advance(delay - 1);
    assert.equal(bench.sockets.length, length);
    await clock.advance(1);
    assert.equal(bench.sockets.length, length + 1);
  }
  await bench.welcome();
  await clock.advance(9_000);
  bench.socket.drop();
  assert.equal(bench.client.state.retryAt, clock.now + 2_000, "it was not stable");
  await clock.advance(2_000);
  await bench.welcome();
  await clock.advance(10_000);
  bench.socket.drop();
  assert.equal(bench.client.state.retryAt, clock.now + 250);
});

test("retryNow skips the back-off, whose own attempt is cancelled", async () => {
  let count = 0;
  const tokens = [Promise.resolve("first"), new Promise(() => {})];
  const bench = new ClientBench(clock, { token: undefined, getToken: () => tokens[(count += 1) - 1] });
  bench.client.connect();
  await settled();
  await bench.welcome();
  bench.socket.drop();
  bench.client.retryNow();
  assert.equal(count, 2);
  await clock.advance(5_000);
  assert.equal(count, 2);
});

test("a gateway that does not welcome in time is given up", async () => {
  const bench = new ClientBench(clock);
  bench.client.connect();
  bench.socket.open();
  await clock.advance(10_000);
  assert.equal(bench.sockets[0].isClosed, true);
  assert.equal(bench.client.state.state, "waiting");
});

test("a connection that stops answering is replaced", async () => {
  const bench = await connected();
  await clock.advance(1_000);
  bench.socket.isDead = true;
  await clock.advance(30_000 + 250);
  assert.equal(bench.sockets[0].isClosed, true);
  assert.equal(bench.sockets.length, 2);
});

test("a final close code ends the client, its joins and its messages", async () => {
  for (const code of [1008, 4500, 4501, 4504]) {
    const bench = await connected();
    const handle = bench.client.join("chat/lobby");
    const sending = outcomeOf(bench.client.sendToRoom("chat/lobby", "hello"));
    bench.socket.drop(code, "no");
    await clock.advance(60_000);
    assert.deepEqual([bench.client.state.state, bench.client.state.code, bench.sockets.length], ["closed", code, 1]);
    assert.deepEqual([handle.state, sending.is], ["failed", "closed"]);
  }
});

test("with getToken, an expired token is a reason to ask for another one", async () => {
  const tokens = ["first", "second"];
  const bench = new ClientBench(clock, { token: undefined, getToken: async () => tokens.shift() });
  bench.client.connect();
  await settled();
  await bench.welcome();
  bench.socket.drop(4501, "expired");
  await clock.advance(250);
  assert.equal(bench.socket.protocols[1], "bearer.second");
});

test("a token that cannot be fetched is asked for again after the back-off", async () => {
  let count = 0;
  const getToken = async () => {
    if ((count += 1) === 1) throw new Error("offline");
    return "second";
  };
  const bench = new ClientBench(clock, { token: undefined, getToken });
  bench.client.connect();
  await settled();
  assert.match(bench.client.state.reason, /offline/);
  await clock.advance(250);
  assert.equal(bench.socket.protocols[1], "bearer.second");
});

test("a source of tokens that throws, or never answers, is asked again after the back-off", async () => {
  let count = 0;
  const answers = [() => { throw new Error("not signed in"); }, () => new Promise(() => {}), () => "third"];
  const bench = new ClientBench(clock, { token: undefined, getToken: () => answers[(count += 1) - 1]() });
  bench.client.connect();
  await settled();
  assert.equal(bench.client.state.state, "waiting");
  assert.match(bench.client.state.reason, /not signed in/);
  await clock.advance(250);
  assert.equal(bench.client.state.state, "connecting");
  await clock.advance(10_000);
  assert.equal(bench.client.state.state, "waiting");
  assert.match(bench.client.state.reason, /did not answer in time/);
  await clock.advance(500);
  await settled();
  assert.deepEqual(bench.sockets.map(({ protocols }) => protocols[1]), ["bearer.third"]);
});

test("a refreshed token is the token of later requests and connections", async () => {
  const bench = await connected();
  const done = bench.client.refreshToken("second");
  await bench.answer(bench.sent("refresh_token")[0], { expires_at: "2027-01-15T09:00:00Z" });
  await done;
  bench.client.readings({ device: "d1" });
  await settled();
  assert.equal(bench.requests.all[0].Authorization, "Bearer second");
  await reconnect(bench);
  assert.equal(bench.socket.protocols[1], "bearer.second");
});

test("a refused handshake ends the client when checkToken says no, and only then", async () => {
  for (const [isAccepted, expected] of [[false, "closed"], [true, "waiting"]]) {
    const bench = new ClientBench(clock, { checkToken: async () => isAccepted });
    bench.client.connect();
    bench.socket.drop();
    await settled();
    assert.equal(bench.client.state.state, expected);
    if (!isAccepted) assert.equal(bench.client.state.code, 4500);
  }
});

test("a client that was closed while checkToken was asked keeps its own reason", async () => {
  let refuse;
  const bench = new ClientBench(clock, { checkToken: () => new Promise((resolve) => (refuse = () => resolve(false))) });
  bench.client.connect();
  bench.socket.drop();
  bench.client.close();
  refuse();
  await settled();
  assert.equal(bench.client.state.code, 1000);
});

test("joins are resumed in order and from their last position, and live messages follow without a hole", async () => {
  const bench = await connected();
  const heard = [];
  bench.client.join("chat/lobby", { onMessage: (_, { offset }) => heard.push(offset) });
  bench.client.join("sensors/+");
  const say = (offset) => bench.socket.receive({ type: "chat_message", offset, payload: { room_id: "chat/lobby" } });
  await bench.join(bench.sent("join_room")[0], { offset: 3, epoch: "e1" });
  say(4);
  await reconnect(bench);
  const [lobby, sensors] = bench.sent("join_room").map(({ payload }) => payload);
  assert.deepEqual(lobby, { room_id: "chat/lobby", since: { offset: 4, epoch: "e1" } });
  assert.deepEqual(sensors, { room_id: "sensors/+" });
  await bench.join(bench.sent("join_room")[0], { offset: 5, epoch: "e1", recovered: true });
  for (const offset of [5, 6]) say(offset);
  assert.deepEqual(heard, [4, 5, 6]);
});

test("a message without an acknowledgement is sent again with its key", async () => {
  const bench = await connected();
  const sending = outcomeOf(bench.client.sendToRoom("chat/lobby", "hello"));
  const [first] = bench.sent("send_to_room");
  await reconnect(bench);
  const [second] = bench.sent("send_to_room");
  assert.equal(sending.is, "pending");
  assert.deepEqual(second.payload, first.payload);
  await bench.answer(second, { message_id: "m1", offset: 1 });
  assert.deepEqual(sending.is, { message_id: "m1", offset: 1 });
});

test("messages of a connection that was replaced are ignored", async () => {
  const bench = await connected();
  const heard = [];
  bench.client.on("data", ({ device }) => heard.push(device));
  const [old] = bench.sockets;
  await reconnect(bench);
  for (const [socket, device] of [[old, "old"], [bench.socket, "new"]]) {
    socket.receive({ type: "data_update", payload: { room_id: "sensors/d", device, data: {} } });
  }
  old.drop();
  assert.deepEqual(heard, ["new"]);
  assert.equal(bench.client.state.state, "open");
});

test("a message that cannot be read is an error, and the connection stays", async () => {
  const bench = await connected();
  bench.socket.receive({ type: "data_update", payload: null });
  assert.deepEqual(bench.errors, ["bad_message"]);
  assert.equal(bench.client.state.state, "open");
});

// Listeners that close the client

test("a listener that closes the client while it connects leaves no socket behind", () => {
  const bench = new ClientBench(clock);
  bench.client.on("state", ({ state }) => state === "connecting" && bench.client.close());
  bench.client.connect();
  assert.equal(bench.sockets.length, 0);
  assert.equal(bench.client.state.state, "closed");
});

test("a client that was closed while its token was fetched does not connect", async () => {
  const bench = new ClientBench(clock, { token: undefined, getToken: async () => "late" });
  bench.client.connect();
  bench.client.close();
  await settled();
  assert.equal(bench.sockets.length, 0);
});

test("a listener that closes the client at its welcome ends it", async () => {
  const bench = await connected();
  bench.client.join("chat/lobby");
  bench.client.on("welcome", () => bench.client.close());
  await reconnect(bench, { inbox: { offset: 5, epoch: "e1" } });
  assert.deepEqual([bench.client.state.state, bench.errors, bench.socket.sent], ["closed", [], []]);
  assert.equal(bench.socket.isClosed, true);
  const requested = [];
  bench.client.request = async (type) => requested.push(type);
  bench.client.join("chat/lobby");
  assert.deepEqual(requested, [], "a join waits for a connection");
});

// The inbox

const direct = (offset) => ({ type: "direct_message", offset, payload: { user_id: "bob", content: `${offset}` } });

/** A client that collects the direct messages that it gets. */
async function withInbox(welcome) {
  const bench = await connected({}, welcome);
  bench.heard = [];
  bench.client.on("direct", ({ content }) => bench.heard.push(Number(content)));
  return bench;
}

test("the inbox is rejoined only when something was missed", async () => {
  const bench = await withInbox({ inbox: { offset: 3, epoch: "e1" } });
  bench.socket.receive(direct(4));
  await reconnect(bench, { inbox: { offset: 4, epoch: "e1" } });
  assert.deepEqual(bench.sent("join_room"), []);
  await reconnect(bench, { inbox: { offset: 6, epoch: "e1" } });
  const [join] = bench.sent("join_room");
  assert.deepEqual(join.payload, { room_id: "users/ann", since: { offset: 4, epoch: "e1" } });
  await bench.join(join, { offset: 6, epoch: "e1", recovered: true });
  for (const offset of [5, 6]) bench.socket.receive(direct(offset));
  assert.deepEqual(bench.heard, [4, 5, 6]);
});

test("after a failed rejoin of the inbox nothing is lost: it is read from the history", async () => {
  const bench = await withInbox({ inbox: { offset: 3, epoch: "e1" } });
  await reconnect(bench, { inbox: { offset: 5, epoch: "e1" } });
  // Part of the replay that does not come.
  bench.socket.receive(direct(6));
  await bench.refuse(bench.sent("join_room")[0], "rate_limited", true);
  bench.socket.receive(direct(7));
  assert.deepEqual(bench.errors, ["rate_limited"]);
  await bench.requests.answer(({ path }) => {
    assert.equal(path, "/api/rooms/history?room_id=users%2Fann&after=3&limit=500");
    return { body: { epoch: "e1", offset: 6, messages: [4, 5, 6].map(direct) } };
  });
  assert.deepEqual(bench.heard, [4, 5, 6, 7]);
});

test("a rejoin of the inbox that the connection did not survive is made again", async () => {
  const bench = await withInbox({ inbox: { offset: 3, epoch: "e1" } });
  await reconnect(bench, { inbox: { offset: 5, epoch: "e1" } });
  await reconnect(bench, { inbox: { offset: 5, epoch: "e1" } });
  assert.deepEqual(bench.sent("join_room")[0].payload.since, { offset: 3, epoch: "e1" });
  assert.deepEqual([bench.errors, bench.requests.all], [[], []]);
});

test("live messages are delivered when nothing is missing any more after an unanswered rejoin", async () => {
  const bench = await withInbox({ inbox: { offset: 3, epoch: "e1" } });
  await reconnect(bench, { inbox: { offset: 5, epoch: "e1" } });
  // The gateway was restored from a backup.
  await reconnect(bench, { inbox: { offset: 3, epoch: "e1" } });
  bench.socket.receive(direct(4));
  assert.deepEqual(bench.heard, [4]);
});

test("each notification is reported and counted once", async () => {
  const bench = await withInbox({ unread: 1, inbox: { offset: 3, epoch: "e1" } });
  const told = [];
  bench.client.on("notification", ({ notification_id: id }) => told.push(id));
  const notify = (id, more = {}, snapshot) => bench.socket.receive({
    type: "notification", payload: { notification_id: id, ...(snapshot && { snapshot }) }, ...more,
  });
  notify("stored", {}, true);
  assert.equal(bench.client.unread, 1, "counted by the welcome");
  notify("stored", { offset: 4 });
  notify("new", { offset: 5 });
  assert.deepEqual([told, bench.client.unread], [["stored", "new"], 2]);
  bench.socket.receive({ type: "notification_read", offset: 6, payload: { all: true, unread: 0 } });
  assert.equal(bench.client.unread, 0);
});
