// Ranges of time: zoom and pan keep what they should, and the URL and the form name a range exactly.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addressTime, fixedRange, inputTime, panned, pinched, rangeOfAddress, spanOfInputs, zoomed,
} from "../../dashboards/web/app/shared/time-range.js";
import { currentRange, keepRange } from "../../dashboards/web/app/dashboard/range-picker.js";
import { installDocument } from "./support/dom.mjs";

const now = Date.parse("2026-12-01T12:00:00Z");
const hour = { from: now - 3_600_000, to: now };

test("zooming keeps the time under the pointer in its place", () => {
  const at = hour.from + 900_000;
  const span = zoomed(hour, 0.5, at, now);
  assert.equal(span.to - span.from, 1_800_000);
  assert.equal((at - span.from) / (span.to - span.from), 0.25);
});

test("zooming out ends at now, and stays between the shortest and the longest range", () => {
  assert.deepEqual(zoomed(hour, 2, now - 1_800_000, now), { from: now - 7_200_000, to: now });
  const shortest = zoomed(hour, 1e-9, now - 60_000, now);
  assert.equal(Math.round(shortest.to - shortest.from), 1_000);
  const longest = zoomed(hour, 1e9, now - 60_000, now);
  assert.equal(Math.round((longest.to - longest.from) / 86_400_000), 366);
});

test("panning keeps the length and does not pass now", () => {
  assert.deepEqual(panned(hour, -600_000, now), { from: hour.from - 600_000, to: now - 600_000 });
  assert.deepEqual(panned(hour, 600_000, now), hour);
});

test("two fingers hold the times under them", () => {
  const times = [hour.from + 1_200_000, hour.from + 2_400_000];
  const span = pinched(times, [0.1, 0.9], now);
  const place = (time) => (time - span.from) / (span.to - span.from);
  assert.ok(Math.abs(place(times[0]) - 0.1) < 1e-9 && Math.abs(place(times[1]) - 0.9) < 1e-9);
  assert.equal(pinched(times, [0.5, 0.5], now), null);
  assert.equal(pinched(times, [0.9, 0.1], now), null, "crossed fingers");
});

test("a range survives its way through the URL, and is rounded to what its length needs", () => {
  const { span } = fixedRange({ from: now - 3_600_000.4, to: now - 12.3 });
  const parameters = new URLSearchParams({ from: addressTime(span.from), to: addressTime(span.to) });
  assert.equal(parameters.get("from"), "2026-12-01T11:00:00Z");
  assert.deepEqual(rangeOfAddress(parameters).span, span);
  assert.equal(fixedRange({ from: now - 1_500.6, to: now }).span.from, now - 1_501);
});

for (const address of ["", "from=1", "from=x&to=y", "from=2026-12-02T00:00:00Z&to=2026-12-01T00:00:00Z",
  "from=2020-01-01T00:00:00Z&to=2026-12-01T00:00:00Z", "from=-002026-12-01T00:00:00Z&to=2026-12-01T00:00:00Z"]) {
  test(`the URL ?${address} names no fixed range`, () => {
    assert.equal(rangeOfAddress(new URLSearchParams(address)), null);
  });
}

test("a fixed range in the URL takes precedence; without it the preset is chosen again", () => {
  installDocument({ address: "http://gateway.test/?range=24h&from=2026-12-01T10:00:00Z&to=2026-12-01T11:00:00Z" });
  let kept;
  history.replaceState = (_state, _title, address) => (kept = String(address));
  assert.deepEqual(currentRange().span, { from: now - 7_200_000, to: now - 3_600_000 });
  keepRange({ id: "24h", label: "24 h", ms: 86_400_000 });
  assert.equal(kept, "http://gateway.test/?range=24h");
  keepRange(fixedRange(hour));
  assert.match(kept, /range=24h&from=2026-12-01T11%3A00%3A00Z&to=2026-12-01T12%3A00%3A00Z$/);
});

test("the form's inputs are in local time, and its mistakes are told", () => {
  assert.deepEqual(spanOfInputs(inputTime(hour.from), inputTime(hour.to)), hour);
  assert.equal(spanOfInputs("", inputTime(now)), "Both times are needed.");
  assert.equal(spanOfInputs(inputTime(now), inputTime(now)), "The start must be before the end.");
  assert.match(spanOfInputs("2020-01-01T00:00", "2026-01-01T00:00"), /at most 366 days/);
});
