// Staleness and gaps follow the usual interval of a series, as far as it is known.
import assert from "node:assert/strict";
import { test } from "node:test";
import { installDocument } from "./support/dom.mjs";

installDocument();
const { Panel } = await import("../../dashboards/web/app/panels/panel.js");
const { Polyline } = await import("../../dashboards/web/app/charts/polyline.js");
const { SeriesStore } = await import("../../dashboards/web/app/series/series-store.js");
const { takeReadings } = await import("../../dashboards/web/app/history/take-readings.js");
const { minutesQuery } = await import("../../dashboards/web/app/history/readings-query.js");

const now = 1_800_000_000_000;

function makePanel(store, definition = {}) {
  return new Panel(
    { type: "chart", title: "t", devices: ["*"], metrics: ["t"], ...definition },
    { store, serverNow: () => now, range: () => ({ ms: null }) });
}

/** Adds a reading of `t` that is `ago` milliseconds old. */
function hear(store, ago, more = {}) {
  store.add({ device: "d", room_id: "sensors/d", data: { t: 1, timestamp: (now - ago) / 1000 }, ...more }, now);
}

/** Returns the number of separate lines that are drawn of the last hour. */
function lineCount(panel, series) {
  const line = new Polyline();
  line.take(series.track, { from: now - 3_600_000, to: now, columns: 600, breakMs: panel.breakMs(series, 0) });
  return 1 + line.ys.subarray(0, line.length).filter(Number.isNaN).length;
}

test("a sensor that sends once a minute is current between two readings, and its line is connected", () => {
  const store = new SeriesStore();
  const panel = makePanel(store);
  for (let minute = 8; minute >= 1; minute -= 1) if (minute !== 4) hear(store, minute * 60_000 - 1_000);
  const series = store.series("d", "t");
  assert.equal(series.intervalMs, 60_000);
  assert.equal(panel.isStale(series), false);
  // One reading is missing: two intervals are connected, more than three are not.
  assert.equal(lineCount(panel, series), 1);
  hear(store, 8 * 60_000 + 240_000);
  assert.equal(lineCount(panel, series), 2);
});

test("a value is stale after three usual intervals, after 30 s at the earliest, or when the dashboard says so", () => {
  const store = new SeriesStore();
  for (let count = 9; count >= 0; count -= 1) hear(store, 200_000 + count * 60_000);
  const series = store.series("d", "t");
  assert.equal(makePanel(store).staleMs(series), 180_000);
  assert.equal(makePanel(store).isStale(series), true);
  assert.equal(makePanel(store, { stale_after_s: 600 }).isStale(series), false);
  const quick = new SeriesStore();
  for (let count = 9; count >= 0; count -= 1) hear(quick, count * 1_000);
  assert.equal(makePanel(quick).staleMs(quick.series("d", "t")), 30_000);
});

test("after the join, when only the latest reading is known, the gateway's interval counts", () => {
  const store = new SeriesStore();
  hear(store, 500_000, { snapshot: true, interval_ms: 600_000, age_ms: 500_000 });
  assert.equal(makePanel(store).isStale(store.series("d", "t")), false);
  const unknown = new SeriesStore();
  hear(unknown, 31_000, { snapshot: true, age_ms: 31_000 });
  assert.equal(makePanel(unknown).isStale(unknown.series("d", "t")), true);
});

test("the interval is known from loaded history, also from the buckets of a long range", () => {
  const store = new SeriesStore();
  store.retentionMs = 3_600_000;
  const points = Array.from({ length: 10 }, (_, index) => [(now - (10 - index) * 120_000) / 1000, index]);
  const answer = { device: "d", series: [{ room_id: "sensors/d", metric: "t", points }] };
  const wanted = { rooms: ["sensors/d"], oldestWanted: now - 3_600_000 };
  takeReadings(store, answer, minutesQuery(-Infinity, now, 3_600_000), wanted);
  const series = store.series("d", "t");
  assert.equal(series.intervalMs, 120_000);
  assert.equal(lineCount(makePanel(store), series), 1);

  const long = new SeriesStore();
  const slow = long.ensure("d", "t");
  slow.setBucketing({ widthMs: 600_000, maxBuckets: 200 });
  for (let hour = 5; hour >= 1; hour -= 1) slow.buckets.add(now - hour * 3_600_000, 1);
  assert.equal(slow.intervalMs, 3_600_000);
});
