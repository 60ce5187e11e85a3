// A room's messages arrive in order and once. Holes are filled from the history, and what it lacks is reported as a gap.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { RoomLog, RoomLogs } from "../../dashboards/web/client/room-log.js";
import { settled, TestClock } from "./support/clock.mjs";
import { Questions } from "./support/gateway.mjs";

let clock, log, delivered, gaps, history;
beforeEach(() => {
  clock = new TestClock();
  [delivered, gaps, history] = [[], [], new Questions()];
  log = new RoomLog("chat/lobby", {
    deliver: ({ offset }) => delivered.push(offset),
    onGap: (gap) => gaps.push(gap),
    readHistory: (room, after, limit) => history.ask({ room, after, limit }),
  });
  log.begin(4, "e1");
});
afterEach(() => clock.restore());

function receive(...offsets) {
  for (const offset of offsets) log.receive({ offset });
}

/** A page of the history of epoch `e1`, which ends at 9 unless told otherwise. */
function page(offsets, { epoch = "e1", offset = 9 } = {}) {
  return { epoch, offset, messages: offsets.map((each) => ({ offset: each })) };
}

test("duplicates are dropped, and the position follows the last message", () => {
  receive(5, 5, 4, 6);
  assert.deepEqual(delivered, [5, 6]);
  assert.deepEqual(log.since, { offset: 6, epoch: "e1" });
});

test("a hole is read from the history while live messages wait", async () => {
  receive(5, 8, 9);
  assert.deepEqual(delivered, [5]);
  assert.deepEqual(history.all, [{ room: "chat/lobby", after: 5, limit: 2 }]);
  await history.answer(() => page([6, 7]));
  assert.deepEqual(delivered, [5, 6, 7, 8, 9]);
  assert.deepEqual(gaps, []);
});

test("another hole among the messages that waited is read as well", async () => {
  receive(6, 9);
  await history.answer(({ after }) => page(after === 4 ? [5] : [7, 8]));
  assert.deepEqual(delivered, [5, 6, 7, 8, 9]);
});

test("a temporary failure of the history is retried, a final one is a gap", async () => {
  receive(7);
  await history.answer(() => Object.assign(new Error("busy"), { temporary: true }));
  assert.deepEqual(gaps, []);
  await clock.advance(200);
  assert.equal(history.all.length, 2);
  await history.answer(() => new Error("forbidden"));
  assert.deepEqual(gaps, [{ room_id: "chat/lobby", reason: "forbidden", dropped: 2 }]);
  assert.deepEqual(delivered, [7]);
});

test("messages that the history lacks are a gap", async () => {
  receive(9);
  await history.answer(() => page([6, 7, 8]));
  assert.deepEqual(gaps.map(({ dropped }) => dropped), [1]);
  assert.deepEqual(delivered, [6, 7, 8, 9]);
});

test("too many live messages during a fill end it with a gap", () => {
  receive(6);
  for (let offset = 7; offset <= 10_010; offset += 1) receive(offset);
  assert.deepEqual(gaps.map(({ dropped }) => dropped), [1]);
  assert.equal(delivered.length, 10_005);
});

test("messages that arrive before a rejoin's answer are dropped, because the replay has them", () => {
  log.joining();
  receive(7);
  log.joined({ epoch: "e1", offset: 7, recovered: true });
  receive(5, 6, 7, 8);
  assert.deepEqual(delivered, [5, 6, 7, 8]);
  assert.equal(history.all.length, 0);
});

test("a rejoin without a replay is filled from the history", async () => {
  log.joining();
  log.joined({ epoch: "e1", offset: 6, recovered: false });
  assert.deepEqual(history.all, [{ room: "chat/lobby", after: 4, limit: 2 }]);
  receive(7);
  await history.answer(() => page([5, 6]));
  assert.deepEqual(delivered, [5, 6, 7]);
});

test("another history, and one that lost messages, is a gap, and delivery continues", () => {
  log.joined({ epoch: "e2", offset: 50, recovered: false });
  receive(51);
  log.joined({ epoch: "e2", offset: 20, recovered: false });
  receive(21);
  assert.equal(gaps.length, 2);
  assert.deepEqual(delivered, [51, 21]);
});

test("a fill that a rejoin has replaced delivers nothing", async () => {
  receive(7);
  log.joining();
  await history.answer(() => page([5, 6]));
  assert.deepEqual(delivered, []);
});

test("a room that was left gets nothing of what was being read for it", async () => {
  const logs = new RoomLogs({
    deliver: ({ offset }) => delivered.push(offset), onGap: (gap) => gaps.push(gap),
    readHistory: (room, after, limit) => history.ask({ room, after, limit }),
  });
  logs.of("chat/lobby").begin(5, "e1");
  logs.of("chat/lobby").receive({ offset: 9 });
  logs.forget("chat/lobby");
  logs.of("chat/lobby").begin(9, "e1");
  logs.of("chat/lobby").receive({ offset: 10 });
  await history.answer(() => page([6, 7, 8]));
  assert.deepEqual(delivered, [10]);
  logs.of("chat/lobby").receive({ offset: 12 });
  logs.stop();
  await history.answer(() => page([11], { offset: 12 }));
  assert.deepEqual(delivered, [10]);
});

test("catching up reads to the end of the history", async () => {
  log.catchUp();
  await settled();
  await history.answer(() => page([5, 6], { offset: 6 }));
  assert.deepEqual(delivered, [5, 6]);
});

test("of thousands of rooms the inbox is never forgotten", () => {
  const logs = new RoomLogs({ deliver() {}, onGap() {}, readHistory() {} });
  logs.keep("users/ann");
  const inbox = logs.of("users/ann");
  for (let number = 0; number < 2000; number += 1) logs.of(`chat/${number}`);
  assert.equal(logs.get("users/ann"), inbox);
  assert.equal(logs.get("chat/0"), undefined);
});

test("with another epoch, the positions that only filters brought are forgotten", () => {
  const logs = new RoomLogs({ deliver() {}, onGap() {}, readHistory() {} });
  logs.setEpoch("e1");
  logs.of("chat/named").begin(3, "e1");
  logs.of("chat/brought").receive({ offset: 3 });
  logs.setEpoch("e2");
  assert.ok(logs.get("chat/named"));
  assert.equal(logs.get("chat/brought"), undefined);
});
