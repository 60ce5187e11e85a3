// Messages are sent one at a time and in order, each until it is acknowledged.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Outbox } from "../../dashboards/web/client/outbox.js";
import { settled, TestClock } from "./support/clock.mjs";
import { Questions } from "./support/gateway.mjs";
import { outcomeOf } from "./support/socket.mjs";

let clock, commands, outbox;
beforeEach(() => {
  clock = new TestClock();
  commands = new Questions();
  outbox = new Outbox((type, payload) => commands.ask(payload), 3);
});
afterEach(() => clock.restore());

function failure(code, temporary) {
  return Object.assign(new Error(code), { code, temporary });
}

test("messages wait for a connection, and each for the acknowledgement of the one before", async () => {
  const outcomes = [1, 2].map((key) => outcomeOf(outbox.send("send_to_room", { key })));
  assert.equal(commands.all.length, 0);
  outbox.resume();
  outcomes.push(outcomeOf(outbox.send("send_to_room", { key: 3 })));
  await settled();
  assert.deepEqual(commands.all, [{ key: 1 }]);
  await commands.answer(({ key }) => key * 10);
  assert.deepEqual(commands.all, [{ key: 1 }, { key: 2 }, { key: 3 }]);
  assert.deepEqual(outcomes.map(({ is }) => is), [10, 20, 30]);
});

test("a message in flight when the connection broke is sent again, before later ones", async () => {
  const outcomes = [1, 2].map((key) => outcomeOf(outbox.send("send_to_room", { key })));
  outbox.resume();
  outbox.pause();
  await commands.answer(() => failure("disconnected", true));
  assert.equal(commands.all.length, 1);
  outbox.resume();
  await settled();
  assert.deepEqual(commands.all, [{ key: 1 }, { key: 1 }]);
  await commands.answer(({ key }) => key);
  assert.deepEqual(outcomes.map(({ is }) => is), [1, 2]);
});

test("a temporary error is retried after a second, a final one rejects only its message", async () => {
  const outcomes = [1, 2].map((key) => outcomeOf(outbox.send("send_to_room", { key })));
  outbox.resume();
  await commands.answer(() => failure("rate_limited", true));
  await clock.advance(999);
  assert.equal(commands.all.length, 1);
  await clock.advance(1);
  await commands.answer(({ key }) => (key === 1 ? failure("forbidden", false) : "stored"));
  assert.deepEqual(outcomes.map(({ is }) => is), ["forbidden", "stored"]);
});

test("beyond the limit a message is refused at once", async () => {
  const outcomes = [1, 2, 3, 4].map((key) => outcomeOf(outbox.send("send_to_room", { key })));
  await settled();
  assert.deepEqual(outcomes.map(({ is }) => is), ["pending", "pending", "pending", "overloaded"]);
});

test("closing rejects everything, and a late answer settles no other message", async () => {
  const old = outcomeOf(outbox.send("send_to_room", { key: 1 }));
  outbox.resume();
  outbox.fail(failure("closed", false));
  const fresh = outcomeOf(outbox.send("send_to_room", { key: 2 }));
  await commands.answer(({ key }) => key);
  assert.deepEqual([old.is, fresh.is], ["closed", "pending"]);
});
