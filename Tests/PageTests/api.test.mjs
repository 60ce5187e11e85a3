// Requests to the gateway: those that read are retried when the gateway is busy, those that write are not.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { getAll, getJSON, requestJSON, retryDelay } from "../../dashboards/web/app/shared/api.js";
import { TestClock } from "./support/clock.mjs";
import { outcomeOf } from "./support/socket.mjs";

let clock, methods;
const { fetch } = globalThis;
beforeEach(() => {
  clock = new TestClock();
  methods = [];
});
afterEach(() => {
  clock.restore();
  globalThis.fetch = fetch;
});

/** Answers the next requests with these statuses, and later ones with 200. */
function answerWith(statuses) {
  globalThis.fetch = async (path, { method }) => {
    methods.push(method);
    const status = statuses.shift() ?? 200;
    return {
      ok: status < 400, status, headers: new Headers({ "Retry-After": "1" }), json: async () => ({ detail: "too much" }),
    };
  };
}

test("a request that is refused with 429 is sent again after its time", async () => {
  answerWith([429, 429]);
  const outcome = outcomeOf(getJSON("/api/rooms", "token"));
  await clock.advance(999);
  assert.equal(methods.length, 1);
  await clock.advance(4_000);
  assert.equal(methods.length, 3);
  assert.deepEqual(outcome.is, { detail: "too much" });
});

test("after four retries a request fails, and one that writes is sent once", async () => {
  answerWith(Array(20).fill(429));
  const reading = getJSON("/api/rooms", "token");
  const failed = assert.rejects(reading, { status: 429 });
  await clock.advance(20_000);
  await failed;
  assert.equal(methods.length, 5);
  await assert.rejects(requestJSON("/api/x", "token", { method: "POST", body: {} }), { status: 429 });
  assert.equal(methods.length, 6);
});

test("all pages of a list are read, and a page that follows itself is an error", async () => {
  const pages = { "/api/x": { list: [1], next: "a b" }, "/api/x?after=a%20b": { list: [2], next: "c" }, "/api/x?after=c": { list: [3] } };
  let requestCount = 0;
  globalThis.fetch = async (path) => {
    requestCount += 1;
    assert.ok(requestCount < 10, "it does not end");
    return { ok: true, status: 200, json: async () => pages[path] };
  };
  assert.deepEqual(await getAll("/api/x", "list", "token"), [1, 2, 3]);
  pages["/api/x?after=c"].next = "c";
  await assert.rejects(getAll("/api/x", "list", "token"), /repeats a page of \/api\/x\./);
});

test("the delay is bounded, and spread", () => {
  assert.equal(retryDelay("2", 0), 2000);
  assert.equal(retryDelay("2", 0.5), 3000);
  assert.equal(retryDelay("100000", 0), 10_000);
  assert.equal(retryDelay(null, 0), 1000);
});
