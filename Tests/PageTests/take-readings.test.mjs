// Answers are merged with live readings: each reading counts once, and series without readings are not shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketQuery, endQuery, makeBucketing } from "../../dashboards/web/app/history/readings-query.js";
import { SeriesStore } from "../../dashboards/web/app/series/series-store.js";
import { takeReadings } from "../../dashboards/web/app/history/take-readings.js";

const now = 1_800_000_000_000;
const bucketing = makeBucketing(3_600_000, 360);
const wanted = { rooms: ["sensors/+"], oldestWanted: now - 300_000 };

function longRange() {
  const store = new SeriesStore();
  store.setBucketing(bucketing);
  return { store, span: bucketQuery(-Infinity, now, bucketing) };
}

function live(store, time, value = 1, room = "sensors/d1") {
  store.add({ device: "d1", room_id: room, data: { t: value, timestamp: time / 1000 } }, now);
}

function series(points, { room = "sensors/d1", bucketMs, metric = "t", unit } = {}) {
  return { room_id: room, metric, unit, points, ...(bucketMs && { bucket_s: bucketMs / 1000 }) };
}

/** Returns the number of readings in all buckets. */
function count({ buckets }) {
  return Array.from({ length: buckets.length }, (_, index) => buckets.countAt(index)).reduce((sum, n) => sum + n, 0);
}

test("a device without readings in the range has no series", () => {
  const store = new SeriesStore();
  const span = { from: now - 300_000, to: now, points: 9, sentAt: now, isEnd: false, liveFrom: now - 300_000 };
  takeReadings(store, { device: "d1", series: [series([]), series([], { metric: "u" })] }, span, wanted);
  assert.equal(store.series("d1", "t"), undefined);
  takeReadings(store, { device: "d1", series: [series([[now / 1000 - 5, 21]])] }, span, wanted);
  assert.equal(store.series("d1", "t").value, 21);
  assert.equal(store.series("d1", "t").points.length, 1);
});

test("an answer without readings keeps the live readings", () => {
  const { store, span } = longRange();
  live(store, now - 1_000);
  takeReadings(store, { device: "d1", series: [series([])] }, span, wanted);
  assert.equal(count(store.series("d1", "t")), 1);
});

test("devices of the same name in two rooms are joined", () => {
  for (const bucketMs of [undefined, bucketing.widthMs]) {
    const { store, span } = longRange();
    const point = (ago) => (bucketMs ? [(span.from + ago) / 1000, 1, 1, 1, 1] : [(span.from + ago) / 1000, 1]);
    const answers = ["sensors/d1", "sensors/other"].map((room, index) =>
      series([point(index * 10 * bucketing.widthMs)], { room, bucketMs }));
    takeReadings(store, { device: "d1", series: answers }, span, wanted);
    assert.equal(count(store.series("d1", "t")), 2, `in ${bucketMs ? "buckets" : "readings"}`);
  }
});

test("rooms that the dashboard does not show are left out", () => {
  const { store, span } = longRange();
  const answers = [series([[now / 1000 - 60, 1]]), series([[now / 1000 - 50, 2]], { room: "other/d1" })];
  takeReadings(store, { device: "d1", series: answers }, span, wanted);
  assert.equal(count(store.series("d1", "t")), 1);
});

test("a reading that is both live and in the answer counts once, a live one counts as well", () => {
  const { store, span } = longRange();
  live(store, now + 100);
  live(store, now - 2_000);
  takeReadings(store, { device: "d1", series: [series([[now / 1000 - 60, 1], [(now + 100) / 1000, 1]])] }, span, wanted);
  assert.equal(count(store.series("d1", "t")), 3);
});

test("requesting the end again as readings corrects what a bucket counts twice or not at all", () => {
  const { store, span } = longRange();
  const start = Math.floor(now / bucketing.widthMs) * bucketing.widthMs;
  const times = [start - 20_000, start - 500, start + 50, now + 20, now + 40];
  // The first three were stored before the request. The others arrived live meanwhile, and one of them is in the answer.
  for (const time of times.slice(3)) live(store, time);
  const bucketOf = (time) => Math.floor(time / bucketing.widthMs) * bucketing.widthMs;
  const inAnswer = times.slice(0, 4);
  const buckets = [...new Set(inAnswer.map(bucketOf))].map((bucket) =>
    [bucket / 1000, 1, 1, 1, inAnswer.filter((time) => bucketOf(time) === bucket).length]);
  const first = { device: "d1", series: [series(buckets, { bucketMs: bucketing.widthMs })] };
  assert.equal(takeReadings(store, first, span, wanted), true);
  assert.equal(count(store.series("d1", "t")), 6, "one counts twice for the moment");

  const end = endQuery(span, now + 60, bucketing);
  live(store, now + 80);
  const told = times.filter((time) => time >= end.from).map((time) => [time / 1000, 1]);
  assert.equal(takeReadings(store, { device: "d1", series: [series(told)] }, end, wanted), false);
  assert.equal(count(store.series("d1", "t")), 6, "each of the six once");
});

test("an end with too many readings keeps the buckets of the first answer", () => {
  const { store, span } = longRange();
  const end = endQuery(span, now, bucketing);
  const bucket = [end.from / 1000, 1, 1, 1, 5_000];
  takeReadings(store, { device: "d1", series: [series([bucket], { bucketMs: bucketing.widthMs })] }, span, wanted);
  takeReadings(store, { device: "d1", series: [series([[end.from / 1000, 1, 1, 1, 7]], { bucketMs: 150 })] }, end, wanted);
  assert.equal(count(store.series("d1", "t")), 5_000);
});

test("after a change of unit the latest unit is kept", () => {
  const { store, span } = longRange();
  const answers = [
    series([[now / 1000 - 100, 70]], { unit: "°F" }), series([[now / 1000 - 50, 21]], { unit: "°C" }),
  ];
  takeReadings(store, { device: "d1", series: answers }, span, wanted);
  assert.equal(store.series("d1", "t").unit, "°C");
  assert.equal(count(store.series("d1", "t")), 1);
});

test("a fixed range in the past neither sets the latest value nor takes live readings", () => {
  const store = new SeriesStore();
  const past = { from: now - 7_200_000, to: now - 3_600_000 };
  const bucketing = makeBucketing(3_600_000, 360, past);
  store.setBucketing(bucketing);
  store.add({ device: "d1", room_id: "sensors/d1", data: { t: 42, timestamp: now / 1000 } }, now);
  const query = bucketQuery(-Infinity, now, bucketing);
  assert.ok(query.isPast && query.from < past.from && query.to > past.to, "lines reach the edges");
  assert.equal(query.from % bucketing.widthMs, 0);
  const old = [[now / 1000 - 5_000, 7]];
  takeReadings(store, { device: "d1", series: [series(old), series(old, { metric: "u" })] }, query, wanted);
  const { buckets, value } = store.series("d1", "t");
  assert.equal(value, 42);
  assert.deepEqual([buckets.length, buckets.valueAt(0)], [1, 7]);
  assert.ok(Number.isNaN(store.series("d1", "u").value), "its latest value is not known");
});

test("a fixed range that ends now has the latest value", () => {
  const query = bucketQuery(-Infinity, now, makeBucketing(60_000, 600, { from: now - 60_000, to: now }));
  assert.equal(query.isPast, false);
  assert.ok(query.to - query.from < 100_000, "short ranges have buckets of less than a second");
});

test("limits of rules come with the readings and go with the rules", () => {
  const { store, span } = longRange();
  const limits = [{ above: 30, severity: "critical" }];
  const points = [[now / 1000 - 5, 21]];
  takeReadings(store, { device: "d1", series: [{ ...series(points), limits }] }, span, wanted);
  assert.deepEqual(store.series("d1", "t").limits, limits);
  takeReadings(store, { device: "d1", series: [series(points)] }, span, wanted);
  assert.deepEqual(store.series("d1", "t").limits, []);
});
