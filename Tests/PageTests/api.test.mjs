import assert from "node:assert/strict";
import { test } from "node:test";
import { getJSON, requestJSON, retryDelay } from "../../dashboards/web/app/api.js";

/** Answers the next requests with these statuses; 200 afterwards. */
function gateway(t, statuses) {
  const requests = [];
  t.mock.method(globalThis, "fetch", async (path, options) => {
    requests.push(options.method);
    const status = statuses.shift() ?? 200;
    return new Response(JSON.stringify({ detail: "too much" }), { status, headers: { "Retry-After": "1" } });
  });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return requests;
}

/** Lets timers pass until the promise is settled. */
async function settled(t, promise) {
  let isSettled = false;
  promise.catch(() => {}).finally(() => { isSettled = true; });
  while (!isSettled) {
    await new Promise(setImmediate);
    t.mock.timers.tick(2000);
  }
  return promise;
}

test("a question that is refused with 429 is asked again after its time, at most four times", async (t) => {
  const requests = gateway(t, [429, 429]);
  await settled(t, getJSON("/api/rooms", "token"));
  assert.equal(requests.length, 3);
});

test("what stays refused fails, and what writes is not sent again", async (t) => {
  const requests = gateway(t, Array(20).fill(429));
  await assert.rejects(settled(t, getJSON("/api/rooms", "token")), { status: 429 });
  assert.equal(requests.length, 5);
  await assert.rejects(settled(t, requestJSON("/api/x", "token", { method: "POST", body: {} })), { status: 429 });
  assert.equal(requests.length, 6);
});

test("the time to wait is bounded, and spread", () => {
  assert.equal(retryDelay("2", 0), 2000);
  assert.equal(retryDelay("2", 0.5), 3000);
  assert.equal(retryDelay("100000", 0), 10_000);
  assert.equal(retryDelay(null, 0), 1000);
});
