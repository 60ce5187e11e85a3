// The page's alerts are right with any browser clock, any number of messages, and alerts of any age.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { AlertStore } from "../../dashboards/web/app/alerts/alert-store.js";
import { Alerts } from "../../dashboards/web/app/alerts/alerts.js";
import { TestClock } from "./support/clock.mjs";
import { installDocument } from "./support/dom.mjs";
import { installFetch } from "./support/gateway.mjs";

const day = 86_400_000;
let clock, requests, document;
beforeEach(() => {
  clock = new TestClock();
  document = installDocument();
  requests = installFetch();
});
afterEach(() => clock.restore());

function alert(id, { state = "firing", ageMs = 60_000, ...more } = {}) {
  const time = (ago) => new Date(clock.now - ago).toISOString();
  return {
    alert_id: id, rule: "hot", severity: "warning", device: "d1", room_id: "sensors/d1", metric: "t", message: "hot", state,
    pending_at: time(ageMs), ...(state !== "pending" && { fired_at: time(ageMs) }),
    ...(state === "resolved" && { resolved_at: time(ageMs - 1_000) }), ...more,
  };
}

/** Answers requests for alerts (latest first) as the gateway does. */
function gateway(alerts) {
  return (path) => {
    const query = new URLSearchParams(path.split("?")[1]);
    const [limit, before, from] = [Number(query.get("limit")), query.get("before"), Date.parse(query.get("from"))];
    let found = alerts;
    if (query.get("state") === "active") found = found.filter(({ state }) => state !== "resolved");
    if (from) found = found.filter(({ resolved_at: at }) => !at || Date.parse(at) >= from);
    if (before) found = found.slice(found.findIndex(({ alert_id: id }) => id === before) + 1);
    return { alerts: found.slice(0, limit), has_more: found.length > limit };
  };
}

/** A store after its first request. `aheadMs`: error of the browser's clock until then. */
async function loaded(alerts, { aheadMs = 0 } = {}) {
  const store = new AlertStore();
  let ahead = aheadMs;
  store.attach("token", () => clock.now + ahead);
  store.refresh();
  await clock.advance(10);
  await requests.answer(gateway(alerts));
  ahead = 0;
  await clock.advance(2_000);
  return store;
}

test("with a clock that is ten minutes ahead, messages and the user's actions still count", async () => {
  const store = await loaded([alert("a"), alert("b"), alert("c", { state: "pending" })], { aheadMs: 600_000 });
  store.changed(alert("a", { acknowledged_at: new Date(clock.now).toISOString() }));
  assert.ok(store.get("a").acknowledged_at, "the user's own action");
  store.published(alert("b", { acknowledged_by: "ann" }), clock.now);
  assert.equal(store.get("b").acknowledged_by, "ann", "another user's action");
  store.refresh();
  await clock.advance(0);
  await requests.answer(gateway([alert("a", { acknowledged_by: "ada" }), alert("b")]));
  assert.equal(store.get("a").acknowledged_by, "ada", "the answer to a later request");
  assert.equal(store.get("b").acknowledged_by, undefined, "also after a message");
  assert.equal(store.get("c"), undefined, "its pending was cancelled");
});

test("an answer that was requested before the last message is older", async () => {
  const store = await loaded([alert("a")]);
  store.refresh();
  await clock.advance(0);
  store.published(alert("a", { acknowledged_by: "ann" }), clock.now);
  await requests.answer(gateway([alert("a")]));
  assert.equal(store.get("a").acknowledged_by, "ann");
});

test("the later of two messages counts, and an alert does not return to an earlier state", async () => {
  const store = await loaded([]);
  store.published(alert("a", { acknowledged_by: "ann" }), 2_000);
  store.published(alert("a"), 1_000);
  assert.equal(store.get("a").acknowledged_by, "ann");
  store.published(alert("a", { state: "resolved" }), 3_000);
  store.published(alert("a"), 4_000);
  assert.equal(store.get("a").state, "resolved");
});

test("a silence applies to all alerts of the rule and the device", async () => {
  const store = await loaded([alert("a"), alert("b"), alert("c", { device: "d2" })]);
  store.changed(alert("a", { silenced_until: new Date(clock.now + 3_600_000).toISOString() }));
  assert.ok(store.get("b").silencedMs > clock.now);
  assert.equal(store.get("c").silencedMs, undefined);
});

test("many refreshes are coalesced into few requests, one at a time", async () => {
  const store = await loaded([]);
  const before = requests.all.length;
  for (let second = 0; second < 60; second += 1) {
    for (let notification = 0; notification < 5; notification += 1) store.refresh();
    await clock.advance(100);
    await requests.answer(gateway([]));
  }
  assert.ok(requests.all.length - before <= 10, `${requests.all.length - before} requests in 6 s`);
  // A refresh during a request is answered by the next request.
  let isDone = false;
  store.refresh();
  await clock.advance(2_000);
  store.refresh().then(() => (isDone = true));
  await requests.answer(gateway([]));
  assert.equal(isDone, false);
  await clock.advance(2_000);
  await requests.answer(gateway([]));
  assert.equal(isDone, true);
});

/** The page's alerts with a client whose events the test emits. */
function page() {
  const listeners = {};
  const client = { on: (event, listener) => ((listeners[event] = listener), () => {}), serverNow: () => clock.now };
  let open = null;
  const drawers = { add: (_, __, onOpen) => (drawers.onOpen = onOpen), isOpen: (id) => open === id, open(id) {
    open = id;
    drawers.onOpen();
  } };
  const alerts = new Alerts(drawers, () => {});
  alerts.attach(client, "token");
  return { alerts, emit: (event, payload) => listeners[event](payload, {}), note: document.getElementById("alerts-note") };
}

test("a page that opens with a hundred unread notifications requests the alerts once", async () => {
  const { alerts, emit } = page();
  alerts.store.setRange(7 * day);
  emit("welcome", {});
  await clock.advance(10);
  for (let id = 0; id < 100; id += 1) emit("notification", { link: `/?alert=${id}`, snapshot: true });
  await requests.answer(gateway([]));
  await clock.advance(10_000);
  assert.equal(requests.all.length, 2);
  emit("notification", { link: "/?alert=new" });
  await clock.advance(0);
  assert.equal(requests.all.length, 4);
});

test("without a connection the alerts are requested nevertheless", async () => {
  page();
  await clock.advance(1_500);
  assert.equal(requests.all.length, 2);
});

/** An alert that has been firing for a month, one of today, and 150 of the days before. */
function longHistory() {
  return [
    alert("today", { state: "resolved", ageMs: 3_600_000 }),
    ...Array.from({ length: 150 }, (_, index) => alert(`old-${index}`, { state: "resolved", ageMs: (index + 2) * day / 8 + day })),
    alert("month", { ageMs: 30 * day }),
  ];
}

test("earlier alerts follow the recent ones without a gap, although another has been firing for long", async () => {
  const history = longHistory();
  const store = await loaded(history);
  assert.equal(store.list.length, 2);
  for (let page = 0; store.hasMore && page < 5; page += 1) {
    const done = store.loadEarlier();
    await clock.advance(0);
    await requests.answer(gateway(history));
    await done;
  }
  assert.equal(store.list.length, history.length);
});

test("loaded pages stay loaded while the list is refreshed", async () => {
  const history = longHistory();
  const store = await loaded(history);
  store.loadEarlier();
  await clock.advance(0);
  await requests.answer(gateway(history));
  store.refresh();
  await clock.advance(10);
  await requests.answer(gateway(history));
  store.loadEarlier();
  await clock.advance(0);
  assert.match(requests.all.at(-1), /before=old-99/);
});

test("after a long sleep the list starts anew, and earlier alerts are requested from there", async () => {
  const store = await loaded([alert("first")]);
  clock.sleep(5 * day);
  const fresh = alert("fresh");
  store.refresh();
  await clock.advance(0);
  await requests.answer(gateway([fresh]));
  store.loadEarlier();
  await clock.advance(0);
  assert.match(requests.all.at(-1), /before=fresh/);
});

test("an alert in the URL is found at any age; a failed request is not shown as an absent alert", async () => {
  const history = longHistory();
  const { alerts, note } = page();
  alerts.open("old-140");
  await clock.advance(10);
  await requests.answer(gateway(history));
  await clock.advance(3_000);
  await requests.answer(gateway(history));
  assert.ok(alerts.store.get("old-140"));
  assert.doesNotMatch(note.textContent, /not kept any more/);

  const other = page();
  other.alerts.open("nowhere");
  await clock.advance(10);
  let count = 0;
  await requests.answer((path) => ((count += 1) > 2 ? { status: 503, body: { detail: "Busy." } } : gateway(history)(path)));
  await clock.advance(3_000);
  await requests.answer(() => ({ status: 503, body: { detail: "Busy." } }));
  assert.doesNotMatch(other.note.textContent, /that was asked for/);
  assert.match(document.getElementById("alerts-problem").textContent, /Busy/);

  other.alerts.open("nowhere");
  for (let page = 0; page < 4; page += 1) {
    await clock.advance(2_000);
    await requests.answer(gateway(history));
  }
  assert.match(other.note.textContent, /not kept any more/);
});

test("beyond the limit the oldest alerts are dropped", async () => {
  const store = await loaded([]);
  for (let id = 0; id < 1_100; id += 1) store.published(alert(`a${id}`, { state: "resolved", ageMs: 2_000_000 - id }), clock.now);
  assert.equal(store.list.length, 1_000);
  assert.equal(store.get("a0"), undefined);
});
