// The page of a device: its panels, its address, and what its line says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { installDocument } from "./support/dom.mjs";
import { installFetch } from "./support/gateway.mjs";

const document = installDocument();
const { deviceDashboard, unchartedMetrics } = await import("../../dashboards/web/app/devices/device-dashboard.js");
const { DeviceFacts } = await import("../../dashboards/web/app/devices/device-facts.js");
const { DeviceView, statusLine } = await import("../../dashboards/web/app/devices/device-view.js");
const { deviceAddress, placeOf } = await import("../../dashboards/web/app/shared/places.js");

const now = 1_800_000_000_000;

function answer(metricCount, more = {}) {
  const metrics = Array.from({ length: metricCount }, (_, index) => (
    { name: `m${index}`, value: index, time: now / 1000, room_id: "sensors/a" }));
  return { device: "a", rooms: ["sensors/a"], last_seen: (now - 3_000) / 1000, metrics, alerts: [], ignored_fields: [], ...more };
}

test("a device has tiles and a chart for each metric, up to a limit beyond which a table shows the rest", () => {
  const { panels, rooms } = deviceDashboard(answer(3));
  assert.deepEqual(panels.map(({ type, metrics }) => `${type} ${metrics.length}`), ["value 3", "chart 1", "chart 1", "chart 1"]);
  assert.deepEqual(panels.map(({ span }) => span), [12, 6, 6, 12]);
  assert.deepEqual(rooms, ["sensors/a"]);
  const many = answer(2_000);
  const charts = deviceDashboard(many).panels.length - 1;
  assert.equal(charts + unchartedMetrics(many).length, 2_000);
  assert.ok(charts <= 24);
  assert.deepEqual(deviceDashboard(answer(0)).panels, []);
});

test("the live window spans sixty usual intervals, between five minutes and a day", () => {
  const window = (interval) => deviceDashboard(answer(1, { interval_ms: interval })).panels[0].window_s;
  assert.deepEqual([undefined, 1_000, 60_000, 86_400_000].map(window), [300, 300, 3_600, 86_400]);
});

test("addresses name a device whatever its name is", () => {
  for (const device of ["greenhouse-1", "Küche & Bad?", "a=b#c", "constructor"]) {
    const { search } = new URL(deviceAddress(device), "http://gateway.test/");
    assert.deepEqual(placeOf(search), { kind: "device", device });
  }
  assert.deepEqual(placeOf("?view=devices"), { kind: "devices" });
  assert.deepEqual(placeOf("?dashboard=home&range=1h"), { kind: "dashboard", id: "home" });
});

test("the line says since when a device is online or not, when it was heard, and how often", () => {
  const since = new Date(now).toISOString();
  const online = statusLine(answer(1, { status: "online", status_since: since, interval_ms: 59_800 }), 0, now);
  assert.match(online, /^Online since .* · last heard 3 s ago · usually every 1 min · in sensors\/a$/);
  assert.match(statusLine(answer(1), now, now), /^Status unknown · last heard just now · in/);
  assert.match(statusLine(answer(0, { status: "offline", status_since: since }), 0, now), /^No readings yet · Offline/);
});

test("what the gateway does not say is not shown, and texts from devices stay texts", () => {
  const facts = new DeviceFacts(() => {});
  const cards = () => document.getElementById("device-facts").children
    .filter(({ hidden }) => !hidden).map(({ dataset }) => dataset.testid);
  facts.show(answer(1), now);
  assert.deepEqual(cards(), ["device-alerts"]);
  facts.show(answer(1, { dead_letter_count: 0, dead_letters: [] }), now);
  assert.deepEqual(cards(), ["device-alerts", "device-letters", "device-message"]);
  const at = new Date(now - 5_000).toISOString();
  facts.show(answer(30, {
    dead_letter_count: 2, dead_letters: [{ topic: "sensors/a", detail: "<b>", count: 2, last_at: at }],
    ignored_fields: [{ name: "fw", kind: "string", count: 7 }],
    last_message: { topic: "sensors/a", payload: "{}", payload_bytes: 2, retained: false, received_at: at },
  }), now);
  assert.deepEqual(cards(), ["device-values", "device-alerts", "device-letters", "device-ignored", "device-message"]);
  const text = document.getElementById("device-facts").textContent;
  const parts = ["2 messages on topics", "<b>", "fwstring7 times", "On sensors/a, 5 s ago"];
  assert.deepEqual(parts.filter((part) => !text.includes(part)), []);
});

test("a device that is unknown or could not be loaded leaves the rooms of the place before", async () => {
  const requests = installFetch();
  let missingCount = 0;
  const shown = [];
  const onMetrics = ({ device }) => {
    assert.equal(document.getElementById("device-facts").hidden, false, "the cards are shown first");
    shown.push(device);
  };
  const view = new DeviceView({
    now: () => now, onAlert() {}, onMetrics, onMissing: () => (missingCount += 1),
  });
  view.open("b", "token");
  await requests.answer(() => ({ status: 404, body: { detail: "Unknown device." } }));
  assert.equal(missingCount, 1);
  assert.equal(document.getElementById("device-unknown").hidden, false);
  view.open("c", "token");
  await requests.answer(() => ({ status: 503, body: { detail: "Unavailable." } }));
  assert.equal(missingCount, 2);
  view.open("a", "token");
  await requests.answer(() => answer(1));
  assert.deepEqual([shown, missingCount], [["a"], 2]);
  view.close();
});

test("an error while drawing is not reported as a gateway that does not answer", async (context) => {
  const requests = installFetch();
  const errors = [];
  const listeners = process.rawListeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", (error) => errors.push(error.message));
  context.after(() => {
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  });
  const onMetrics = () => { throw new Error("a bug"); };
  const view = new DeviceView({ now: () => now, onAlert() {}, onMetrics, onMissing() {} });
  view.open("a", "token");
  await requests.answer(() => answer(1));
  await new Promise(setImmediate);
  assert.deepEqual(errors, ["a bug"]);
  assert.equal(document.getElementById("device-problem").hidden, true);
  view.close();
});
