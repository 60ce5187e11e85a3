// Joins are kept without a connection, resumed with each new one, and shared by all handles of a room.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { RoomLogs } from "../../dashboards/web/client/room-log.js";
import { roomMatches, Rooms } from "../../dashboards/web/client/rooms.js";
import { settled, TestClock } from "./support/clock.mjs";
import { Questions } from "./support/gateway.mjs";
import { outcomeOf } from "./support/socket.mjs";

let clock, rooms, logs, commands, errors, history;
beforeEach(() => {
  clock = new TestClock();
  [commands, history, errors] = [new Questions(), new Questions(), []];
  logs = new RoomLogs({ deliver() {}, onGap() {}, readHistory: (room, after) => history.ask({ room, after }) });
  rooms = new Rooms((type, payload) => commands.ask({ type, ...payload }), ({ code }) => errors.push(code), logs);
});
afterEach(() => clock.restore());

function failure(code, temporary = false) {
  return Object.assign(new Error(code), { code, temporary });
}

function joined(room) {
  rooms.answered({ room_id: room, recovered: false, members: { users: 1, clients: 1 } });
}

test("joins made without a connection are sent in order when there is one", () => {
  rooms.join("sensors/+", { maxRateHz: 2 });
  rooms.join("chat/lobby", {});
  assert.deepEqual(commands.all, []);
  rooms.resume();
  assert.deepEqual(commands.all, [
    { type: "join_room", room_id: "sensors/+", max_rate_hz: 2 }, { type: "join_room", room_id: "chat/lobby" },
  ]);
});

test("a rejoin names the last position", () => {
  rooms.join("chat/lobby", {});
  logs.of("chat/lobby").begin(7, "e1");
  rooms.resume();
  assert.deepEqual(commands.all[0].since, { offset: 7, epoch: "e1" });
});

test("each handle learns of the join, and the room is left with the last handle", async () => {
  const told = [];
  const [first, second] = [1, 2].map((number) => rooms.join("chat/lobby", { onJoined: () => told.push(number) }));
  rooms.resume();
  joined("chat/lobby");
  assert.deepEqual(told, [1, 2]);
  assert.equal((await first.ready).room_id, "chat/lobby");
  first.leave();
  assert.deepEqual(rooms.handlesFor("chat/lobby"), [second]);
  assert.equal(commands.all.filter(({ type }) => type === "leave_room").length, 0);
  second.leave();
  assert.equal(commands.all.at(-1).type, "leave_room");
  assert.deepEqual(rooms.handlesFor("chat/lobby"), []);
});

test("a temporary failure is retried, unless the room was left or the connection is lost", async () => {
  rooms.join("a", {});
  const left = rooms.join("b", {});
  rooms.resume();
  await commands.answer(() => failure("rate_limited", true));
  assert.deepEqual(errors, ["rate_limited", "rate_limited"]);
  left.leave();
  await clock.advance(2_000);
  assert.deepEqual(commands.all.filter(({ type }) => type === "join_room").map(({ room_id: room }) => room), ["a", "b", "a"]);
  await commands.answer(() => failure("rate_limited", true));
  rooms.pause();
  await clock.advance(10_000);
  assert.equal(commands.all.filter(({ type }) => type === "join_room").length, 3);
});

test("a final failure fails the handles, and the room is not joined again", async () => {
  const told = [];
  const handle = rooms.join("secret", { onError: ({ code }) => told.push(code) });
  const ready = outcomeOf(handle.ready);
  rooms.resume();
  await commands.answer(() => failure("forbidden"));
  assert.deepEqual([told, errors, ready.is, handle.state], [["forbidden"], ["forbidden"], "forbidden", "failed"]);
  rooms.resume();
  assert.equal(commands.all.length, 1);
});

test("a lost connection fails no handle", async () => {
  const handle = rooms.join("chat/lobby", {});
  rooms.resume();
  await commands.answer(() => failure("disconnected", true));
  assert.deepEqual([handle.state, errors], ["joining", []]);
});

test("a room that the token no longer grants fails its handles", () => {
  const told = [];
  const handle = rooms.join("chat/lobby", { onError: ({ code }) => told.push(code) });
  rooms.lost("chat/lobby", "forbidden");
  assert.deepEqual([told, handle.state], [["forbidden"], "failed"]);
});

test("a rejoined filter reads the rooms that it brought from the history, not those joined by name", async () => {
  rooms.join("chat/+", {});
  rooms.join("chat/named", {});
  for (const room of ["chat/brought", "chat/named", "other/room"]) logs.of(room).receive({ offset: 3 });
  rooms.resume();
  joined("chat/+");
  await settled();
  assert.deepEqual(history.all, [{ room: "chat/brought", after: 3 }]);
});

test("closing fails every handle", () => {
  const handles = ["a", "b"].map((room) => rooms.join(room, {}));
  rooms.fail(failure("closed"));
  assert.deepEqual(handles.map(({ state }) => state), ["failed", "failed"]);
});

test("filters match by the rules of MQTT topics", () => {
  for (const [filter, room, expected] of [
    ["sensors/+", "sensors/a", true], ["sensors/+", "sensors/a/b", false], ["sensors/#", "sensors", true],
    ["sensors/#", "sensors/a/b", true], ["+/a", "sensors/a", true], ["#", "sensors/a", true], ["#", "users/ann", false],
    ["+/ann", "users/ann", false], ["#", "$sys", false], ["users/+", "users/ann", true], ["sensors/a", "sensors/b", false],
  ]) assert.equal(roomMatches(filter, room), expected, `${filter} ${room}`);
});
