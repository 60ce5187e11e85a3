// Gestures on a chart choose a range, and only then.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ChartZoom, wheelSteps } from "../../dashboards/web/app/charts/chart-zoom.js";
import { installDocument, TestElement } from "./support/dom.mjs";

const now = 1_000_000_000;
const shown = { from: now - 100_000, to: now };
let plot, chosen, isFixed, point;

beforeEach(() => {
  installDocument();
  plot = new TestElement("div");
  plot.getBoundingClientRect = () => ({ left: 0 });
  plot.setPointerCapture = () => {};
  plot.removeEventListener = () => {};
  plot.closest = () => null;
  chosen = [];
  isFixed = false;
  point = null;
  const chart = { share: (x) => x / 100, place: (share) => share * 100, columns: 100, height: { top: 0, bottom: 50 } };
  new ChartZoom(plot, {
    chart: () => chart, shown: () => shown, now: () => now, point: () => point,
    range: {
      get isFixed() { return isFixed; },
      preview: (span) => chosen.push(["preview", span]), fix: (span) => chosen.push(["fix", span]),
      reset: () => chosen.push(["reset"]),
    },
  });
});

const pointer = (type, clientX, more = {}) =>
  plot.dispatch(type, { target: plot, clientX, button: 0, pointerId: 1, pointerType: "mouse", ...more });
const press = (key, more = {}) => {
  let isUsed = false;
  const preventDefault = () => (isUsed = true);
  plot.dispatch("keydown", { target: plot, key, preventDefault, stopImmediatePropagation() {}, ...more });
  return isUsed;
};

test("a drag chooses the range between its ends, in either direction", () => {
  pointer("pointerdown", 80);
  pointer("pointermove", 60);
  pointer("pointerup", 20);
  assert.deepEqual(chosen, [["fix", { from: now - 80_000, to: now - 20_000 }]]);
});

test("a drag that leaves the plot ends at its edge", () => {
  pointer("pointerdown", 50);
  pointer("pointermove", 120);
  pointer("pointerup", 140);
  assert.deepEqual(chosen, [["fix", { from: now - 50_000, to: now }]]);
});

test("a press that hardly moves is a click", () => {
  pointer("pointerdown", 50);
  pointer("pointermove", 53);
  pointer("pointerup", 53);
  assert.deepEqual(chosen, []);
});

test("Escape ends a drag without a choice", () => {
  pointer("pointerdown", 20);
  pointer("pointermove", 60);
  assert.equal(press("Escape"), true);
  pointer("pointerup", 60);
  assert.deepEqual(chosen, []);
});

test("a button released outside the plot ends the drag without a choice", () => {
  pointer("pointerdown", 20);
  pointer("pointermove", 60, { buttons: 0 });
  pointer("pointermove", 80, { buttons: 0 });
  pointer("pointerup", 80);
  assert.deepEqual(chosen, []);
});

test("a drag with Shift pans, and the end of it is chosen", () => {
  pointer("pointerdown", 20, { shiftKey: true });
  pointer("pointermove", 40);
  pointer("pointerup", 40);
  const span = { from: shown.from - 20_000, to: shown.to - 20_000 };
  assert.deepEqual(chosen, [["preview", span], ["fix", span]]);
});

test("one finger reads values unless there is a fixed range to pan; two fingers zoom", () => {
  const touch = { pointerType: "touch" };
  pointer("pointerdown", 20, touch);
  pointer("pointermove", 60, touch);
  pointer("pointerup", 60, touch);
  assert.deepEqual(chosen, []);
  isFixed = true;
  pointer("pointerdown", 20, touch);
  pointer("pointermove", 60, touch);
  pointer("pointerup", 60, touch);
  assert.equal(chosen.at(-1)[0], "fix");
  chosen.length = 0;
  pointer("pointerdown", 40, touch);
  pointer("pointerdown", 60, { ...touch, pointerId: 2 });
  pointer("pointermove", 80, { ...touch, pointerId: 2 });
  pointer("pointerup", 80, { ...touch, pointerId: 2 });
  const [kind, span] = chosen.at(-1);
  assert.equal(kind, "fix");
  assert.ok(Math.abs(span.to - span.from - 50_000) < 1, "twice as far apart is half the range");
});

test("keys zoom and pan, and are chosen once after the last one", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  press("+");
  press("+");
  assert.equal(press("ArrowLeft", { shiftKey: true }), true);
  assert.equal(press("ArrowLeft"), false, "it chooses a reading");
  assert.deepEqual(chosen.map(([kind]) => kind), ["preview", "preview", "preview"]);
  context.mock.timers.tick(300);
  const [kind, span] = chosen.at(-1);
  assert.equal(kind, "fix");
  assert.equal(span.to - span.from, 25_000);
});

test("Escape clears the selected point first, then resets the range, else it is left to others", () => {
  assert.equal(press("Escape"), false);
  isFixed = true;
  point = { time: now };
  assert.equal(press("Escape"), false);
  point = null;
  assert.equal(press("Escape"), true);
  assert.deepEqual(chosen, [["reset"]]);
});

test("the wheel scrolls the page unless Ctrl, Shift or its direction says otherwise", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const wheel = (event) => {
    let isUsed = false;
    plot.dispatch("wheel", { clientX: 50, deltaX: 0, deltaY: 0, deltaMode: 0, preventDefault: () => (isUsed = true), ...event });
    return isUsed;
  };
  assert.equal(wheel({ deltaY: 100 }), false);
  assert.equal(wheel({ deltaY: -100, ctrlKey: true }), true);
  assert.equal(wheel({ deltaX: -50 }), true);
  const spans = chosen.map(([kind, { from, to }]) => [kind, Math.round(from - now), Math.round(to - now)]);
  assert.deepEqual(spans, [["preview", -90_000, -10_000], ["preview", -94_000, -14_000]], "zoomed in, then panned back");
});

test("a step of the wheel is bounded, whatever its unit", () => {
  assert.equal(wheelSteps(100, 0), 1);
  assert.equal(wheelSteps(3, 1), 0.99);
  assert.equal(wheelSteps(1e6, 0), 3);
});
