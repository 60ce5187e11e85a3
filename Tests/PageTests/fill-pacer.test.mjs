// Holes are filled soon, but not while more appear, not in a hidden page, and less often when there is always another.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FillPacer } from "../../dashboards/web/app/history/fill-pacer.js";
import { TestClock } from "./support/clock.mjs";
import { installDocument } from "./support/dom.mjs";

let clock, document, times, pacer;
beforeEach(() => {
  clock = new TestClock();
  document = installDocument();
  times = [];
  pacer = new FillPacer(() => times.push((clock.now - clock.start) / 1000));
});
afterEach(() => clock.restore());

test("a hole is filled when no more have come for two seconds", async () => {
  pacer.soon();
  await clock.advance(1_000);
  pacer.soon();
  await clock.advance(60_000);
  assert.deepEqual(times, [3]);
});

test("for a client that is always too slow, fills become less and less frequent", async () => {
  for (let second = 0; second < 1_200; second += 1) {
    pacer.soon();
    await clock.advance(1_000);
  }
  assert.ok(times.length >= 4 && times.length <= 10, `filled at ${times}`);
  const pauses = times.slice(1).map((time, index) => time - times[index]);
  assert.ok(pauses[0] >= 15);
  assert.ok(pauses.at(-1) >= 290, `at last every ${pauses.at(-1)} s`);
});

test("after a calm period a hole is filled soon again", async () => {
  for (let hole = 0; hole < 3; hole += 1) {
    pacer.soon();
    await clock.advance(20_000);
  }
  await clock.advance(3_600_000);
  times.length = 0;
  for (let hole = 0; hole < 2; hole += 1) {
    pacer.soon();
    await clock.advance(17_000);
  }
  assert.equal(times.length, 2);
});

test("in a hidden page nothing is filled until it is visible", async () => {
  document.visibilityState = "hidden";
  pacer.soon();
  await clock.advance(600_000);
  assert.deepEqual(times, []);
  document.visibilityState = "visible";
  document.dispatch("visibilitychange");
  await clock.advance(2_000);
  assert.equal(times.length, 1);
});
