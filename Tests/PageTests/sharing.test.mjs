// Share links: who is signed in by them, the dialog that makes them, and the mode for a screen on a wall.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { isOperator, isShareToken, isUsedUnasked, mayShare } from "../../dashboards/web/app/session/session.js";
import { Kiosk } from "../../dashboards/web/app/sharing/kiosk.js";
import { ShareDialog } from "../../dashboards/web/app/sharing/share-dialog.js";
import { tabStorage } from "../../dashboards/web/app/shared/storage.js";
import { settled, TestClock } from "./support/clock.mjs";
import { installDocument } from "./support/dom.mjs";
import { installFetch } from "./support/gateway.mjs";

let clock, document, requests;
beforeEach(() => {
  clock = new TestClock();
  document = installDocument();
  requests = installFetch();
});
afterEach(() => clock.restore());

const share = (id, more = {}) => ({
  share_id: id, dashboard: "home", created_by: "ann", created_at: `2026-01-0${id}T00:00:00Z`,
  expires_at: "2026-02-01T00:00:00Z", ...more,
});

/** An open dialog, whose list is requested. */
function opened() {
  const dialog = document.getElementById("share-dialog");
  Object.assign(dialog, {
    open: false, showModal: () => (dialog.open = true),
    close() {
      dialog.open = false;
      dialog.dispatch("close");
    },
  });
  document.getElementById("share-link").select = () => {};
  document.getElementById("share-kiosk").checked = false;
  document.getElementById("share-name").value = "";
  document.getElementById("share-ttl").value = "7d";
  const view = new ShareDialog();
  view.attach("token", true);
  view.show({ id: "home", title: "Home" });
  document.getElementById("share").click();
  return view;
}

const listed = () => document.getElementById("share-list").children.map(({ dataset }) => dataset.shareId);

test("a share's link is followed without a question, unless it would end the session of a user", () => {
  assert.equal(isUsedUnasked("share-Ab_9-x", null, "dash.example.org"), true);
  assert.equal(isUsedUnasked("share-Ab_9-x", "share-other", "dash.example.org"), true);
  assert.equal(isUsedUnasked("share-Ab_9-x", "x.eyJzdWIiOiJhbm4ifQ.x", "dash.example.org"), false);
  assert.equal(isShareToken("share-"), false);
  assert.equal(isShareToken("share-a.b.c"), false);
});

test("the button is shown only to tokens with the claim share, and what operators see only to operators", () => {
  const token = (claims) => `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
  assert.equal(mayShare(token({ sub: "ann", share: true })), true);
  for (const claims of [{ sub: "ann" }, { sub: "ann", share: "true" }, { sub: "ann", notify: true }]) {
    assert.equal(mayShare(token(claims)), false);
  }
  assert.equal(isOperator(token({ join: ["#"] })), true);
  for (const claims of [{}, { join: "#" }, { join: ["sensors/#", "+"] }]) assert.equal(isOperator(token(claims)), false);
  const view = opened();
  assert.equal(document.getElementById("share").hidden, false);
  view.attach("token", false);
  assert.equal(document.getElementById("share").hidden, true);
});

test("the dialog lists the newest links first, creates one, and forgets it when it is closed", async () => {
  opened();
  await requests.answer(() => ({ shares: [share("1"), share("2", { name: "Wall" })] }));
  assert.equal(requests.all[0], "/api/shares?dashboard=home");
  assert.deepEqual(listed(), ["2", "1"]);

  document.getElementById("share-form").dispatch("submit", { preventDefault() {} });
  await requests.answer((path) => (path === "/api/shares" ? { ...share("3"), token: "share-abc" } : new Error(path)));
  const link = document.getElementById("share-link");
  assert.equal(link.value, "http://gateway.test/?dashboard=home#token=share-abc");
  assert.deepEqual(listed(), ["3", "2", "1"]);
  const kiosk = document.getElementById("share-kiosk");
  kiosk.checked = true;
  kiosk.dispatch("change");
  assert.equal(link.value, "http://gateway.test/?dashboard=home&kiosk#token=share-abc");

  document.getElementById("share-close").click();
  assert.equal(link.value, "");
});

test("a dialog that Escape closes forgets the link and the running request", async () => {
  opened();
  requests.open.length = 0;
  document.getElementById("share-form").dispatch("submit", { preventDefault() {} });
  const [created] = requests.open.splice(0);
  created.resolve({ ...share("1"), token: "share-abc" });
  await settled();
  assert.match(document.getElementById("share-link").value, /share-abc$/);
  document.getElementById("share-dialog").close();
  assert.equal(document.getElementById("share-link").value, "");
  assert.equal(document.getElementById("share-created").hidden, true);
  await requests.answer(() => ({ shares: [share("2")] }));
  assert.equal(requests.all.at(-1), "/api/shares?dashboard=home");
  assert.deepEqual(listed(), ["1"]);
});

test("a link that is created while the list is loading stays in it", async () => {
  opened();
  const [list] = requests.open.splice(0);
  document.getElementById("share-form").dispatch("submit", { preventDefault() {} });
  const [created] = requests.open.splice(0);
  created.resolve({ ...share("2"), token: "share-abc" });
  await settled();
  assert.deepEqual(listed(), ["2"]);
  list.resolve({ shares: [share("1")] });
  await settled();
  assert.deepEqual(listed(), ["2"]);
  await requests.answer(() => ({ shares: [share("1"), share("2")] }));
  assert.deepEqual(listed(), ["2", "1"]);
  assert.equal(requests.all.length, 3);
});

test("a link is removed from the list once it is revoked, also by somebody else, and stays when that fails", async () => {
  opened();
  await requests.answer(() => ({ shares: [share("1"), share("2"), share("3")] }));
  const revoke = (index, answer) => {
    const [button] = document.getElementById("share-list").children[index].querySelectorAll("button");
    button.onclick({ currentTarget: button });
    return requests.answer((path) => (path.startsWith("/api/shares/") ? answer : new Error(path)));
  };
  await revoke(0, { status: 503, body: { detail: "The storage is unavailable." } });
  assert.deepEqual(listed(), ["3", "2", "1"]);
  assert.match(document.getElementById("share-problem").textContent, /storage is unavailable/);
  await revoke(0, share("3"));
  await revoke(0, { status: 404, body: { detail: "Unknown share." } });
  assert.deepEqual(listed(), ["1"]);
  assert.equal(document.getElementById("share-problem").hidden, true);
});

test("a kiosk repeats a failed start; other pages wait for their user", async () => {
  let starts = 0;
  new Kiosk(() => (starts += 1)).retryLater();
  await clock.advance(60_000);
  assert.equal(starts, 0);

  installDocument({ address: "http://gateway.test/?dashboard=home&kiosk" });
  const kiosk = new Kiosk(() => (starts += 1));
  kiosk.retryLater();
  await clock.advance(10_000);
  assert.equal(starts, 1);
  kiosk.retryLater();
  kiosk.cancel();
  await clock.advance(60_000);
  assert.equal(starts, 1);
});

test("in a frame without storage, values last as long as the page", async () => {
  Object.defineProperty(globalThis, "sessionStorage", { configurable: true, get() { throw new Error("denied"); } });
  assert.equal(tabStorage.getItem("a"), null);
  tabStorage.setItem("a", "1");
  assert.equal(tabStorage.getItem("a"), "1");
  tabStorage.removeItem("a");
  assert.equal(tabStorage.getItem("a"), null);
  await settled();
});
