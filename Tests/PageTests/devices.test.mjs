// All devices: those with trouble first, searchable, bounded on the page, and live.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { settled, TestClock } from "./support/clock.mjs";
import { installDocument } from "./support/dom.mjs";
import { installFetch } from "./support/gateway.mjs";

const { DeviceList, troubleOf } = await import("../../dashboards/web/app/devices/device-list.js");

const now = 1_800_000_000_000;

function device(name, { ago = 1_000, interval = 10_000, status = "online", room = `sensors/${name}` } = {}) {
  return {
    device: name, room_id: room, last_seen: (now - ago) / 1000, interval_ms: interval ?? undefined, retained: false,
    status, status_since: new Date(now - ago).toISOString(), data: { t: 20, timestamp: 0 }, units: { t: "°C" },
  };
}

function alert(name, state = "firing") {
  return { alert_id: name, device: name, room_id: `sensors/${name}`, state };
}

function select(list, choice = {}) {
  return list.select({ search: "", only: null, ...choice }, now);
}

test("offline devices come first, then those with alerts, then stale ones, each by name", () => {
  const list = new DeviceList();
  list.replace([
    device("d10"), device("d9"), device("slow", { ago: 600_000, interval: 600_000 }), device("late", { ago: 31_000 }),
    device("gone-2", { status: "offline", ago: 400_000 }), device("gone-1", { status: "offline" }), device("hot"),
  ], [alert("hot"), alert("gone-1", "pending")]);
  const { devices, counts } = select(list);
  assert.deepEqual(devices.map((listed) => listed.device), ["gone-1", "gone-2", "hot", "late", "d9", "d10", "slow"]);
  assert.deepEqual(counts, { offline: 2, alert: 1, stale: 1 });
});

test("a device of unknown rhythm is not stale before it would be offline", () => {
  const list = new DeviceList();
  list.replace([device("a", { interval: null, ago: 299_000 }), device("b", { interval: null, ago: 301_000 })], []);
  assert.deepEqual(select(list).devices.map((listed) => troubleOf(listed, now)), ["stale", "none"]);
});

test("the search matches a part of the name or room, in any case, and a kind of trouble selects", () => {
  const list = new DeviceList();
  list.replace([device("Boiler"), device("pump", { room: "cellar/pump" }), device("x", { status: "offline" })], []);
  assert.deepEqual(select(list, { search: " boi " }).devices.map(({ device: name }) => name), ["Boiler"]);
  assert.deepEqual(select(list, { search: "CELLAR" }).devices.map(({ device: name }) => name), ["pump"]);
  assert.deepEqual(select(list, { only: "offline" }).devices.map(({ device: name }) => name), ["x"]);
});

test("a live reading updates its device, and an older list does not undo it", () => {
  const list = new DeviceList();
  list.replace([device("a", { ago: 60_000 })], []);
  const update = { device: "a", room_id: "sensors/a", data: { t: 21, timestamp: now / 1000 } };
  assert.equal(list.received(update, now), "sensors/a\na");
  assert.equal(list.received({ ...update, device: "b" }, now), null);
  list.replace([device("a", { ago: 60_000 })], []);
  const [known] = select(list).devices;
  assert.deepEqual([known.data, known.seen], [{ t: 21 }, now]);
  const status = { device: "a", room_id: "sensors/a", status: "offline", since: new Date(now).toISOString() };
  assert.equal(list.setStatus(status), true);
  assert.equal(select(list).counts.offline, 1);
});

let clock;
beforeEach(() => (clock = new TestClock()));
afterEach(() => clock.restore());

test("of many devices one page has rows and joined rooms, and the pages can be turned", async () => {
  const document = installDocument();
  const requests = installFetch();
  const { DevicesView } = await import("../../dashboards/web/app/devices/devices-view.js");
  document.getElementById("device-search").value = "";
  const rooms = new Set();
  const client = {
    serverNow: () => now,
    join: (room) => {
      rooms.add(room);
      return { leave: () => rooms.delete(room) };
    },
  };
  const view = new DevicesView();
  view.open(client, "token");
  const devices = Array.from({ length: 120 }, (_, index) => device(`d${index}`));
  await settled();
  await requests.answer((path) => (path.startsWith("/api/devices") ? { devices } : { alerts: [] }));
  await settled();
  await clock.advance(300);
  const rows = document.getElementById("device-rows");
  assert.deepEqual([rows.children.length, rooms.size], [50, 50]);
  assert.equal(document.getElementById("devices-position").textContent, "1–50 of 120");
  // Turning pages quickly joins only the rooms of the last one, and not before a while.
  document.getElementById("devices-next").click();
  document.getElementById("devices-next").click();
  assert.deepEqual([rows.children.length, rooms.size, rooms.has("sensors/d0")], [20, 50, true]);
  await clock.advance(500);
  assert.equal(rooms.has("sensors/d119"), false);
  await clock.advance(1_000);
  assert.deepEqual([rooms.size, rooms.has("sensors/d119"), rooms.has("sensors/d60")], [20, true, false]);
  view.received({ device: "d119", room_id: "sensors/d119", data: { t: 99, timestamp: now / 1000 } });
  assert.match(rows.lastElementChild.textContent, /99\.0°C/);
  document.getElementById("device-search").value = "d11";
  document.getElementById("device-search").dispatch("input");
  assert.equal(rows.children.length, 11);
  await clock.advance(1_500);
  assert.equal(rooms.size, 11);
  view.close();
  assert.equal(rooms.size, 0);
});
