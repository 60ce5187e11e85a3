// The past of a dashboard's charts: whatever tears a hole into it, the hole is remembered until it is filled, and the
// gateway is asked no more than that needs.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { TestClock } from "./support/clock.mjs";
import { HistoryBench, hour, minutes } from "./support/history.mjs";

let clock;
beforeEach(() => (clock = new TestClock()));
afterEach(() => clock.restore());

test("a dashboard's past is asked for once a device, when its rooms are joined", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2"] });
  await bench.join();
  await bench.answerAll();
  await clock.advance(60_000);
  assert.deepEqual(bench.questions.all.map(({ device }) => device), ["d1", "d2"]);
  assert.deepEqual(bench.status.failure, null);
  assert.equal(bench.status.isLoading, false);
});

test("a gateway that restarts while the first questions wait is asked for the whole past again", async () => {
  const bench = new HistoryBench(clock);
  await bench.join();
  bench.hear("d1", { snapshot: true });
  bench.history.lost();
  await bench.failAll();
  await clock.advance(5_000);
  await bench.join();
  bench.hear("d1", { snapshot: true });
  await clock.advance(100);
  assert.deepEqual(bench.secondsBack(1), [300]);
  await bench.answerAll();
  assert.equal(bench.status.failure, null);
});

test("a hole stays while its questions fail, however often the connection comes and goes", async () => {
  const bench = new HistoryBench(clock);
  await bench.join();
  await bench.answerAll();
  bench.hear();
  bench.history.lost();
  await clock.advance(120_000);
  await bench.join();
  bench.hear("d1", { snapshot: true });
  // Lost again before the answer, and what came since is no past.
  bench.history.lost();
  await bench.failAll();
  await clock.advance(10_000);
  await bench.join();
  const [, , last] = bench.secondsBack();
  assert.ok(last >= 130, `asked ${last} s back`);
});

test("a connection that is lost before the question goes out leaves it for the next join", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2", "d3", "d4", "d5"] });
  await bench.join();
  bench.history.lost();
  await bench.failAll();
  const before = bench.questions.all.length;
  await bench.join();
  await bench.answerAll();
  assert.deepEqual(bench.questions.all.slice(before).map(({ device }) => device), ["d1", "d2", "d3", "d4", "d5"]);
});

test("waking while the gateway is away asks nothing and forgets nothing", async () => {
  const bench = new HistoryBench(clock);
  await bench.join();
  await bench.answerAll();
  bench.history.lost();
  bench.history.interrupted({ since: clock.now - 200_000 });
  bench.history.fill();
  await clock.advance(60_000);
  assert.equal(bench.questions.all.length, 1);
  await bench.join();
  assert.equal(bench.questions.all.length, 2);
  assert.ok(bench.secondsBack()[1] >= 200);
});

test("what failed is asked for again when the rooms are joined again", async () => {
  const bench = new HistoryBench(clock);
  await bench.join();
  await bench.failAll();
  assert.ok(bench.status.failure);
  bench.history.lost();
  await bench.join();
  await bench.answerAll();
  assert.equal(bench.status.failure, null);
  assert.equal(bench.status.isLoading, false);
});

test("a failure that may pass asks to be mended; one that does not is left to the user", async () => {
  const bench = new HistoryBench(clock);
  await bench.join();
  await bench.failAll();
  assert.equal(bench.missingCount, 1);
  bench.history.fill();
  await bench.failAll(Object.assign(new Error("no"), { temporary: false }));
  assert.equal(bench.missingCount, 1);
  bench.status.retry();
  await bench.answerAll();
  assert.equal(bench.status.failure, null);
});

test("readings that were left out are asked for, of the devices of that room alone", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2"] });
  await bench.join();
  await bench.answerAll();
  bench.hear("d1");
  bench.hear("d2");
  await clock.advance(20_000);
  bench.history.interrupted({ room: "sensors/d2" });
  bench.history.fill();
  await clock.advance(0);
  assert.deepEqual(bench.questions.all.slice(2).map(({ device }) => device), ["d2"]);
  assert.deepEqual(bench.secondsBack(2), [20]);
});

test("holes that come while a question waits make no further question, and are filled by the next", async () => {
  const bench = new HistoryBench(clock);
  await bench.join();
  await bench.answerAll();
  bench.hear();
  for (let hole = 0; hole < 50; hole += 1) {
    await clock.advance(1_000);
    bench.history.interrupted({ since: clock.now - 500 });
    bench.history.fill();
  }
  assert.equal(bench.questions.all.length, 2);
  await bench.answerAll();
  assert.equal(bench.missingCount, 1, "what was missed since it went out is known to be missing");
  bench.history.fill();
  await clock.advance(0);
  assert.equal(bench.questions.all.length, 3);
  assert.ok(bench.secondsBack()[2] >= 49);
});

test("a past that came without a join is asked for again at the join", async () => {
  const bench = new HistoryBench(clock);
  await clock.advance(3_000);
  await bench.answerAll();
  assert.equal(bench.status.isLoading, false, "it is shown all the same");
  await clock.advance(100_000);
  await bench.join();
  assert.equal(bench.questions.all.length, 2);
  assert.ok(bench.secondsBack()[1] >= 100);
});

test("a connection that is lost before anything was asked keeps nobody from seeing the past", async () => {
  const bench = new HistoryBench(clock);
  bench.history.joined("sensors/+");
  bench.history.lost();
  await clock.advance(3_000);
  await bench.answerAll();
  assert.equal(bench.status.isLoading, false);
});

test("another range chosen while the connection is away is asked for again at the join", async () => {
  const bench = new HistoryBench(clock);
  await bench.join();
  await bench.answerAll();
  bench.history.lost();
  bench.history.change([bench.panel], hour);
  await clock.advance(0);
  await bench.answerAll();
  const before = bench.questions.all.length;
  await clock.advance(60_000);
  await bench.join();
  assert.equal(bench.questions.all.length, before + 1);
});

test("another range chosen while it holds is asked for once, and holes are filled as before", async () => {
  const bench = new HistoryBench(clock, { range: hour });
  await bench.join();
  await bench.answerAll();
  bench.history.change([bench.panel], minutes);
  await clock.advance(0);
  await bench.answerAll();
  assert.equal(bench.questions.all.length, 2);
  await clock.advance(30_000);
  bench.history.interrupted();
  bench.history.fill();
  await clock.advance(0);
  assert.deepEqual(bench.secondsBack(2), [30]);
});

test("of several rooms the last one is waited for; one that is refused is not", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2"], rooms: ["sensors/d1", "sensors/d2"] });
  bench.history.joined("sensors/d1");
  await clock.advance(1_000);
  assert.equal(bench.questions.all.length, 0);
  bench.history.joined("sensors/d2");
  await clock.advance(100);
  await bench.answerAll();
  assert.equal(bench.questions.all.length, 2);

  const other = new HistoryBench(clock, { devices: ["d1"], rooms: ["sensors/d1", "sensors/d2"] });
  // Refused.
  other.history.joined("sensors/d2");
  other.history.joined("sensors/d1");
  await clock.advance(100);
  assert.equal(other.questions.all.length, 1);
});

test("after a lost connection all rooms are waited for again", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1"], rooms: ["sensors/d1", "sensors/d2"] });
  await bench.join();
  await bench.answerAll();
  bench.history.lost();
  bench.history.joined("sensors/d2");
  await clock.advance(1_000);
  assert.equal(bench.questions.all.length, 1);
  bench.history.joined("sensors/d1");
  await clock.advance(100);
  assert.equal(bench.questions.all.length, 2);
});

test("a room that is joined late makes its past whole", async () => {
  const bench = new HistoryBench(clock, { devices: ["d2"], rooms: ["sensors/d1", "sensors/d2"] });
  bench.history.joined("sensors/d1");
  await clock.advance(3_000);
  await bench.answerAll();
  await clock.advance(30_000);
  bench.history.joined("sensors/d2");
  await clock.advance(100);
  assert.equal(bench.questions.all.length, 2);
});

test("devices of rooms that the dashboard does not join are not asked for", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2"], rooms: ["sensors/d2"] });
  await bench.join();
  assert.deepEqual(bench.questions.all.map(({ device }) => device), ["d2"]);
});

test("a device that is online is asked for once it has sent a reading", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1"], silent: ["d2"] });
  await bench.join();
  assert.deepEqual(bench.questions.all.map(({ device }) => device), ["d1"]);
  bench.hear("d2");
  await clock.advance(100);
  assert.deepEqual(bench.questions.all.map(({ device }) => device), ["d1", "d2"]);
});

test("the end of a long range that came in buckets is asked for reading by reading", async () => {
  const bench = new HistoryBench(clock, { range: hour });
  await bench.join();
  const [{ question }] = bench.questions.open;
  const width = (question.to - question.from) / question.points;
  await bench.questions.answer(({ from, points }) => ({
    device: "d1", series: [{
      room_id: "sensors/d1", metric: "t",
      ...(points === question.points ? { bucket_s: width, points: [[from, 1, 1, 1, 9]] } : { points: [] }),
    }],
  }));
  const [, end] = bench.questions.all;
  assert.equal(bench.questions.all.length, 2);
  assert.equal(end.from % width, 0, "on the grid of the buckets");
  assert.ok(clock.now / 1000 - end.from <= 10 + width + 1);
});

test("until the gateway's clock is known nothing is asked by it, for a while", async () => {
  let isKnown = false;
  const bench = new HistoryBench(clock, { isClockKnown: () => isKnown });
  await bench.join();
  await clock.advance(500);
  assert.equal(bench.questions.all.length, 0);
  isKnown = true;
  await clock.advance(100);
  assert.equal(bench.questions.all.length, 1);

  const other = new HistoryBench(clock, { isClockKnown: () => false });
  await other.join();
  await clock.advance(3_000);
  assert.equal(other.questions.all.length, 1);
});
