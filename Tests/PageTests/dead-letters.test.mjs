// The page of dead letters: polls and requests for earlier letters do not interfere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestClock } from "./support/clock.mjs";
import { installDocument, TestElement } from "./support/dom.mjs";
import { installFetch } from "./support/gateway.mjs";

const clock = new TestClock();
const document = installDocument();
const operatorLink = new TestElement("a");
document.querySelectorAll = (selector) => (selector === "[data-needs]" ? [operatorLink] : []);
const requests = installFetch();

function letters(from, to) {
  const all = [];
  for (let id = from; id > to; id -= 1) {
    const at = new Date(clock.start - (1_000 - id) * 1_000).toISOString();
    all.push({ id, topic: "t", reason: "invalid_json", detail: "", payload: "{", payload_bytes: 1, count: 1, first_at: at, last_at: at });
  }
  return all;
}

function shown() {
  return document.getElementById("letters").children.map(({ dataset }) => Number(dataset.letterId));
}

test("a poll during a request for earlier letters removes none of them, and forgotten letters disappear", async () => {
  await import("../../dashboards/web/app/dead-letters-page.js");
  assert.equal(operatorLink.hidden, true, "it needs a token for everything");
  await clock.advance(0);
  await requests.answer(() => ({ dead_letters: letters(200, 100), has_more: true, forgotten: 0 }));
  assert.equal(shown().length, 100);

  document.getElementById("earlier").click();
  await clock.advance(5_000);
  assert.equal(requests.open.length, 2, "earlier ones, and a poll");
  const newest = letters(200, 100).filter(({ id }) => id !== 150);
  await requests.answer((path) => ({
    dead_letters: path.includes("before=") ? letters(100, 50) : newest, has_more: !path.includes("before="), forgotten: 1,
  }));
  assert.equal(shown().length, 149);
  assert.ok(shown().includes(51), "earlier ones are there");
  assert.ok(!shown().includes(150), "the forgotten one is not");
  assert.equal(document.getElementById("earlier").hidden, true);
  clock.restore();
});
