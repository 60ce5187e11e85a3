// Delays between attempts double up to a cap, with full jitter.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../dashboards/web/client/backoff.js";

function delays(backoff, count) {
  return Array.from({ length: count }, () => backoff.next());
}

test("delays double from the base to the cap, and a reset starts again", () => {
  const backoff = new Backoff({ baseMs: 500, capMs: 3_000, random: () => 0.999999 });
  assert.deepEqual(delays(backoff, 5), [499, 999, 1999, 2999, 2999]);
  assert.equal(backoff.attempt, 5);
  backoff.reset();
  assert.equal(backoff.attempt, 0);
  assert.equal(backoff.next(), 499);
});

test("jitter is full: a delay may be anything down to zero", () => {
  const values = [0, 0.5];
  const backoff = new Backoff({ baseMs: 1_000, capMs: 8_000, random: () => values.shift() });
  assert.deepEqual(delays(backoff, 2), [0, 1_000]);
});

test("after thousands of attempts the delay is still the cap", () => {
  const backoff = new Backoff({ baseMs: 500, capMs: 30_000, random: () => 0.5 });
  assert.equal(delays(backoff, 5_000).at(-1), 15_000);
});
