// The main page: whose session it continues, and what it does without a dashboard.
import assert from "node:assert/strict";
import { test } from "node:test";
import { settled, TestClock } from "./support/clock.mjs";
import { installDocument, TestElement } from "./support/dom.mjs";
import { installFetch } from "./support/gateway.mjs";
// It installs `crypto`, which is no global in Node 18.
import "./support/socket.mjs";

const clock = new TestClock();
const document = installDocument({ address: "http://gateway.test/?dashboard=home&kiosk" });
const listeners = new Map();
Object.assign(globalThis, {
  addEventListener: (type, listener) => listeners.set(type, listener),
  getComputedStyle: () => ({ getPropertyValue: () => "" }),
  // A connection that does not open.
  WebSocket: class { addEventListener() {} close() {} },
});
// Parts of elements that this page needs, and others do not.
Object.assign(TestElement.prototype, {
  querySelector: (tag) => new TestElement(tag), close() {}, removeEventListener() {},
});
const requests = installFetch();
const starts = () => requests.all.filter((path) => path === "/api/dashboards").length;

test("a kiosk goes on trying without a dashboard", async () => {
  await import("../../dashboards/web/app/gateway-page.js");
  await requests.answer(() => ({ dashboards: [] }));
  assert.equal(document.documentElement.dataset.view, "none");
  await clock.advance(10_000);
  assert.equal(starts(), 2);
  const other = { id: "other", title: "Other", order: 1, rooms: ["sensors/+"], panels: [] };
  await requests.answer((path) => (path === "/api/dashboards" ? { dashboards: [other] } : new Error("away")));
  assert.equal(document.documentElement.dataset.view, "unknown");
  await clock.advance(10_000);
  assert.equal(starts(), 3);
});

test("a share's link in a tab with a session asks, and the session stays until it is confirmed", async () => {
  const question = document.getElementById("sign-in-error");
  location.hash = "#token=share-abc";
  listeners.get("hashchange")();
  assert.equal(document.documentElement.dataset.view, "sign-in");
  assert.match(question.textContent, /ends your own session/);
  assert.equal(sessionStorage.getItem("windsock.token"), "token");
  const before = starts();
  await clock.advance(60_000);
  assert.equal(starts(), before, "the kiosk does not start beside the question");

  document.getElementById("sign-in-form").dispatch("submit", { preventDefault() {} });
  await requests.answer(() => ({ dashboards: [] }));
  assert.equal(sessionStorage.getItem("windsock.token"), "share-abc");
  assert.equal(document.documentElement.dataset.session, "share");
  await settled();
  clock.restore();
});
