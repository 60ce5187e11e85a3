import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadinessWatch } from "../../dashboards/web/app/session/readiness.js";

test("a mistake in a changed file is told apart from a part that is not ready", async (t) => {
  const reason = "Dashboards could not be reloaded (a.yaml:1); the previous ones stay in use.";
  let checks = { mqtt: { status: "connected", ready: true }, configuration: { status: "outdated", ready: true, reason } };
  t.mock.method(globalThis, "fetch", async () => ({ json: async () => ({ checks }) }));
  const told = [];
  const watch = new ReadinessWatch((failed, outdated) => told.push([failed.map(({ name }) => name), outdated]));
  t.after(() => watch.stop());
  watch.start();
  await new Promise(setImmediate);
  checks = { mqtt: { status: "waiting", ready: false, reason: "refused" } };
  watch.start();
  await new Promise(setImmediate);
  assert.deepEqual(told, [[[], reason], [["mqtt"], ""]]);
});
