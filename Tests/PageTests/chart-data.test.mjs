// What charts draw: the end of a line, fixed ranges, states, limits, and the widths of panels.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Polyline } from "../../dashboards/web/app/charts/polyline.js";
import { describeLimit, ruleLimits } from "../../dashboards/web/app/charts/rule-limits.js";
import { stateSegments } from "../../dashboards/web/app/charts/state-segments.js";
import { filledRows } from "../../dashboards/web/app/dashboard/panel-layout.js";
import { share, zonesOf } from "../../dashboards/web/app/panels/gauge-panel.js";
import { BucketBuffer } from "../../dashboards/web/app/series/bucket-buffer.js";
import { PointBuffer } from "../../dashboards/web/app/series/point-buffer.js";

const view = { from: 0, to: 100_000, columns: 100, breakMs: 60_000 };

test("a line of buckets ends at the latest reading, not at the mean of the last bucket", () => {
  const buckets = new BucketBuffer(20_000, 100);
  for (const [time, value] of [[1_000, 10], [15_000, 12], [81_000, 10], [99_000, 30]]) buckets.add(time, value);
  const line = new Polyline();
  line.take(buckets, { ...view, breakMs: 90_000 }, { time: 99_000, value: 30 });
  assert.deepEqual([line.xs[line.length - 1], line.ys[line.length - 1]], [99_000, 30]);
  assert.equal(line.count, 4, "the reading is counted once");
  line.take(buckets, { ...view, breakMs: 90_000 });
  assert.equal(line.ys[line.length - 1], 20);
});

test("a latest reading far from the last bucket, or of unknown age, does not extend the line", () => {
  const buckets = new BucketBuffer(1_000, 200);
  buckets.add(10_500, 5);
  const line = new Polyline();
  for (const time of [99_000, NaN]) {
    line.take(buckets, { ...view, breakMs: 30_000 }, { time, value: 7 });
    assert.ok(![...line.ys.slice(0, line.length)].includes(7));
  }
});

test("a fixed range ignores readings outside of it, so that live ones displace nothing", () => {
  const buckets = new BucketBuffer(1_000, 3, { from: 10_000, to: 13_000 });
  for (let time = 0; time < 100_000; time += 500) buckets.add(time, time);
  assert.equal(buckets.length, 3);
  assert.equal(buckets.lowAt(0), 10_000);
  assert.equal(buckets.highAt(2), 12_500);
});

test("a line leaves a window towards the first bucket after it", () => {
  const buckets = new BucketBuffer(1_000, 300);
  for (const time of [90_000, 95_000, 105_000, 120_000]) buckets.add(time, time / 1_000);
  const line = new Polyline();
  line.take(buckets, view);
  assert.equal(line.xs[line.length - 1], 105_000);
  assert.equal(line.highest, 95, "which does not count");
});

test("a state holds until the next reading, at most for the longest gap, within the window", () => {
  const points = new PointBuffer(64);
  for (const [time, value] of [[-5_000, 0], [20_000, 0], [30_000, 1], [90_000, 0]]) points.add(time, value, -1e9);
  assert.deepEqual(stateSegments(points, { from: 0, to: 100_000, breakMs: 40_000 }), [
    { from: 0, to: 30_000, low: 0, high: 0 },
    { from: 30_000, to: 70_000, low: 1, high: 1 },
    { from: 90_000, to: 100_000, low: 0, high: 0 },
  ]);
});

test("a bucket of several states is a span of its own", () => {
  const buckets = new BucketBuffer(10_000, 100);
  for (const [time, value] of [[1_000, 0], [11_000, 0], [12_000, 1], [21_000, 1]]) buckets.add(time, value);
  const segments = stateSegments(buckets, { from: 0, to: 30_000, breakMs: 10_000 });
  assert.deepEqual(segments.map(({ low, high }) => [low, high]), [[0, 0], [0, 1], [1, 1]]);
});

test("each limit of the shown series is drawn once, and at most sixteen", () => {
  const limit = { above: 30, severity: "critical" };
  assert.deepEqual(ruleLimits([{ limits: [limit] }, { limits: [{ ...limit }, { ...limit, above: 25 }] }]),
    [limit, { ...limit, above: 25 }]);
  assert.equal(ruleLimits([{ limits: Array.from({ length: 40 }, (_, above) => ({ ...limit, above })) }]).length, 16);
  assert.equal(describeLimit(limit, "°C"), "Critical above 30.0°C");
  assert.equal(describeLimit({ below: -5, severity: "info" }), "Info below −5.0");
});

test("no row of panels has a hole", () => {
  assert.deepEqual(filledRows([6, 6, 12, 6, 12]), [6, 6, 12, 12, 12]);
  assert.deepEqual(filledRows([6, 6, 6]), [6, 6, 12]);
  assert.deepEqual(filledRows([12, 6]), [12, 12]);
  assert.deepEqual(filledRows([]), []);
  for (let seed = 1; seed < 200; seed += 1) {
    const spans = Array.from({ length: seed % 9 + 1 }, (_, index) => ((seed * (index + 3) * 7) % 2 ? 6 : 12));
    let used = 0;
    for (const span of filledRows(spans)) {
      used += span;
      assert.ok(used <= 12, `${spans}`);
      if (used === 12) used = 0;
    }
    assert.equal(used, 0, `${spans}`);
  }
});

test("thresholds are zones of a gauge, limited to its scale; critical ones are on top", () => {
  const thresholds = [{ above: 90, level: "critical" }, { above: 75 }, { below: -5 }, { above: 10, metric: "other" }];
  assert.deepEqual(zonesOf(thresholds, "t", 0, 100),
    [{ level: "warning", from: 0.75, to: 1 }, { level: "critical", from: 0.9, to: 1 }]);
  assert.deepEqual([share(150, 0, 100), share(-1, 0, 100), share(NaN, 0, 100), share(0, -50, 50)], [1, 0, 0, 0.5]);
});
