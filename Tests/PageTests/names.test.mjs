import assert from "node:assert/strict";
import { test } from "node:test";
import { metricLabel, own } from "../../dashboards/web/app/shared/names.js";
import { SeriesStore } from "../../dashboards/web/app/series/series-store.js";

test("a metric may have any name, also one that every object has", () => {
  const store = new SeriesStore();
  const data = JSON.parse('{"timestamp":1700000000,"constructor":1,"__proto__":2,"toString":3}');
  store.add({ device: "a", room_id: "sensors/a", data, units: {} }, 1_700_000_000_000);
  for (const [metric, value] of [["constructor", 1], ["__proto__", 2], ["toString", 3]]) {
    assert.equal(store.series("a", metric).value, value);
    assert.equal(store.series("a", metric).unit, undefined);
  }
  assert.equal(metricLabel("constructor"), "Constructor");
  assert.equal(metricLabel("co2"), "CO₂");
  assert.equal(own({}, "constructor"), undefined);
  assert.equal(own(undefined, "x"), undefined);
  assert.equal(own({ x: 1 }, "x"), 1);
});
