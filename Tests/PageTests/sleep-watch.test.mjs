// A sleep is detected by the wall clock, because the page's estimate of the gateway's time may step.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SleepWatch } from "../../dashboards/web/app/history/past.js";

test("that the gateway's clock becomes known is no sleep", () => {
  let wall = 5_000_000;
  const told = [];
  const watch = new SleepWatch((since) => told.push(since), () => wall);
  watch.tick(wall);
  wall += 1_000;
  // The browser's clock was ten minutes behind.
  watch.tick(wall + 600_000);
  assert.deepEqual(told, []);
});

test("after a sleep, readings since before it may be missing, in the gateway's time", () => {
  let wall = 5_000_000;
  const told = [];
  const watch = new SleepWatch((since) => told.push(since), () => wall);
  watch.tick(9_000_000);
  wall += 3_600_000;
  watch.tick(12_600_000);
  assert.deepEqual(told, [9_000_000 - 2_000]);
});
