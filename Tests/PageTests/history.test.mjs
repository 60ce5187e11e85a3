// The history of a dashboard's charts: a hole of any cause is remembered until it is filled, without unnecessary requests.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { TestClock } from "./support/clock.mjs";
import { HistoryBench, hour, minutes } from "./support/history.mjs";

let clock;
beforeEach(() => (clock = new TestClock()));
afterEach(() => clock.restore());

test("a dashboard's history is requested once for each device, after its rooms are joined", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2"] });
  await bench.join();
  await bench.answerAll();
  await clock.advance(60_000);
  assert.deepEqual(bench.questions.all.map(({ device }) => device), ["d1", "d2"]);
  assert.deepEqual(bench.status.failure, null);
  assert.equal(bench.status.isLoading, false);
});

test("after a restart of the gateway during the first requests, the whole history is requested again", async () => {
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

test("a hole stays while its requests fail, through any number of reconnects", async () => {
  const bench = new HistoryBench(clock);
  await bench.join();
  await bench.answerAll();
  bench.hear();
  bench.history.lost();
  await clock.advance(120_000);
  await bench.join();
  bench.hear("d1", { snapshot: true });
  // The connection is lost again before the answer, and later readings are not history.
  bench.history.lost();
  await bench.failAll();
  await clock.advance(10_000);
  await bench.join();
  const [, , last] = bench.secondsBack();
  assert.ok(last >= 130, `asked ${last} s back`);
});

test("a request that a lost connection prevented is sent at the next join", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2", "d3", "d4", "d5"] });
  await bench.join();
  bench.history.lost();
  await bench.failAll();
  const before = bench.questions.all.length;
  await bench.join();
  await bench.answerAll();
  assert.deepEqual(bench.questions.all.slice(before).map(({ device }) => device), ["d1", "d2", "d3", "d4", "d5"]);
});

test("a wake-up without a connection sends nothing and forgets nothing", async () => {
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

test("a failed request is repeated when the rooms are joined again", async () => {
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

test("a temporary failure is retried; a final one waits for the user", async () => {
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

test("dropped readings are requested for the devices of their room only", async () => {
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

test("holes during a request cause no second request, and are filled by the next one", async () => {
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

test("a history that was loaded before the join is requested again at the join", async () => {
  const bench = new HistoryBench(clock);
  await clock.advance(3_000);
  await bench.answerAll();
  assert.equal(bench.status.isLoading, false, "it is shown all the same");
  await clock.advance(100_000);
  await bench.join();
  assert.equal(bench.questions.all.length, 2);
  assert.ok(bench.secondsBack()[1] >= 100);
});

test("a connection lost before the first request does not keep the history from loading", async () => {
  const bench = new HistoryBench(clock);
  bench.history.joined("sensors/+");
  bench.history.lost();
  await clock.advance(3_000);
  await bench.answerAll();
  assert.equal(bench.status.isLoading, false);
});

test("a range chosen without a connection is requested again at the join", async () => {
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

test("a range chosen while connected is requested once, and holes are filled as before", async () => {
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

test("readings after a fixed range are not requested", async () => {
  const span = { from: clock.now - 7_200_000, to: clock.now - 3_600_000 };
  const bench = new HistoryBench(clock, { range: { id: "fixed", ms: 3_600_000, span } });
  await bench.join();
  await bench.answerAll();
  const before = bench.questions.all.length;
  bench.hear();
  bench.history.lost();
  await bench.join();
  bench.history.interrupted({ since: clock.now - 60_000 });
  bench.history.fill();
  await clock.advance(1_000);
  assert.equal(bench.questions.all.length, before);
  bench.history.interrupted({ since: span.from });
  bench.history.fill();
  await clock.advance(1_000);
  assert.equal(bench.questions.all.length, before + 1);
});

test("another range does not ask for the devices again", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2"] });
  await bench.join();
  await bench.answerAll();
  const to = clock.now - 3_600_000;
  bench.history.change([bench.panel], { id: "fixed", ms: 60_000, span: { from: to - 60_000, to } });
  await clock.advance(0);
  assert.equal(bench.listCount, 1);
  assert.deepEqual(bench.questions.all.slice(2).map(({ device }) => device), ["d1", "d2"]);
  await bench.questions.answer(({ device, from }) => ({
    device, series: [{ room_id: `sensors/${device}`, metric: "t", bucket_s: 1, points: [[from, 1, 1, 1, 9]] }],
  }));
  assert.equal(bench.questions.all.length, 4, "the end of a past range is complete");
});

test("the last of several rooms is awaited; a refused room is not", async () => {
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

test("after a lost connection all rooms are awaited again", async () => {
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

test("a room that is joined late completes the history", async () => {
  const bench = new HistoryBench(clock, { devices: ["d2"], rooms: ["sensors/d1", "sensors/d2"] });
  bench.history.joined("sensors/d1");
  await clock.advance(3_000);
  await bench.answerAll();
  await clock.advance(30_000);
  bench.history.joined("sensors/d2");
  await clock.advance(100);
  assert.equal(bench.questions.all.length, 2);
});

test("devices of rooms that the dashboard does not join are not requested", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1", "d2"], rooms: ["sensors/d2"] });
  await bench.join();
  assert.deepEqual(bench.questions.all.map(({ device }) => device), ["d2"]);
});

test("a silent device is requested after its first reading", async () => {
  const bench = new HistoryBench(clock, { devices: ["d1"], silent: ["d2"] });
  await bench.join();
  assert.deepEqual(bench.questions.all.map(({ device }) => device), ["d1"]);
  bench.hear("d2");
  await clock.advance(100);
  assert.deepEqual(bench.questions.all.map(({ device }) => device), ["d1", "d2"]);
});

test("the end of a long range that came in buckets is requested again as readings", async () => {
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

test("nothing is requested before the gateway's clock is known, up to a time limit", async () => {
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
