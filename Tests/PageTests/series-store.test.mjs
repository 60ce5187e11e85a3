// The received readings by device and metric: bounded, and searchable by room.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeriesStore } from "../../dashboards/web/app/series/series-store.js";

const now = 1_800_000_000_000;

function add(store, device, { room = `sensors/${device}`, ago = 0, value = 1 } = {}) {
  store.add({ device, room_id: room, data: { t: value, timestamp: (now - ago) / 1000 } }, now);
}

test("a device is known by the rooms that it spoke in; one that is in very many may be in any", () => {
  const store = new SeriesStore();
  add(store, "d1");
  assert.equal(store.mayBeIn("d1", "sensors/d1"), true);
  assert.equal(store.mayBeIn("d1", "sensors/d2"), false);
  assert.equal(store.mayBeIn("d2", "sensors/d2"), false);
  for (let room = 0; room < 100; room += 1) add(store, "meter", { room: `site-${room}/meter` });
  assert.equal(store.mayBeIn("meter", "site-99/meter"), true);
});

test("beyond the limit of series the device that was silent longest is forgotten", () => {
  const store = new SeriesStore({ maxSeries: 2 });
  for (const device of ["d1", "d2", "d1", "d3"]) add(store, device);
  assert.deepEqual([...store.deviceNames], ["d1", "d3"]);
});

test("buckets begin with the readings that are known, and take each of those that follow once", () => {
  const store = new SeriesStore();
  add(store, "d1", { ago: 20_000, value: 1 });
  store.setBucketing({ widthMs: 60_000, maxBuckets: 10 });
  add(store, "d1", { ago: 10_000, value: 3 });
  add(store, "d1", { ago: 10_000, value: 3 });
  const { buckets } = store.series("d1", "t");
  assert.equal(buckets.length, 1);
  assert.deepEqual([buckets.countAt(0), buckets.valueAt(0), buckets.lowAt(0), buckets.highAt(0)], [2, 2, 1, 3]);
});
