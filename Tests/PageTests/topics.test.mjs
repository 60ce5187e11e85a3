// The page of topics that no route takes: cards stay in place across polls, and the filter hides the others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestClock } from "./support/clock.mjs";
import { installDocument, TestElement } from "./support/dom.mjs";
import { installFetch } from "./support/gateway.mjs";

const clock = new TestClock();
const document = installDocument();
const operatorLink = new TestElement("a");
document.querySelectorAll = (selector) => (selector === "[data-needs]" ? [operatorLink] : []);
document.getElementById("filter").value = "";
const requests = installFetch();

function pattern(name, more = {}) {
  const at = new Date(clock.start).toISOString();
  return {
    pattern: name, topics: 2, messages: 3, retained_messages: 0, first_at: at, last_at: at,
    sample: { topic: name.replace("+", "kitchen"), payload: "21.5", encoding: "text", bytes: 4, cut: false, retained: false },
    conventions: [{ convention: "bare", accepted: true, text: "kitchen temp 21.5" }, { convention: "json", accepted: false, text: "no: x" }],
    route: { topic: "home/{device}/{metric}", yaml: '- topic: "home/{device}/{metric}"', readings: ["kitchen in sensors/kitchen: temp 21.5"] },
    ...more,
  };
}

const cards = () => document.getElementById("patterns").children;
const shown = () => cards().filter(({ hidden }) => !hidden).map(({ dataset }) => dataset.pattern);

test("patterns are shown with their route or the reason that there is none, and known cards stay", async () => {
  await import("../../dashboards/web/app/topics-page.js");
  assert.equal(operatorLink.hidden, true, "it needs a token for everything");
  await clock.advance(0);
  const text = pattern("note/hello", { route: undefined, problem: "the payload contains no number" });
  await requests.answer(() => ({ state: "listening", topics: 4, total: 2, patterns: [pattern("home/+/temp"), text] }));
  assert.deepEqual(shown(), ["home/+/temp", "note/hello"]);
  const [first, second] = cards();
  assert.match(first.textContent, /home\/\{device\}\/\{metric\}/);
  assert.match(first.textContent, /read by bare/);
  assert.match(second.textContent, /No route makes a reading of the sample: the payload contains no number\./);
  assert.equal(document.getElementById("summary").textContent, "4 topics in 2 patterns");

  await clock.advance(5_000);
  await requests.answer(() => ({
    state: "listening", time: clock.start / 1000 + 65, topics: 4, total: 2,
    patterns: [text, pattern("home/+/temp", { messages: 9 })],
  }));
  assert.deepEqual(shown(), ["note/hello", "home/+/temp"]);
  assert.equal(cards()[1], first, "the card was updated in place");
  assert.match(first.textContent, /9 messages.* last 1 min ago/);

  const filter = document.getElementById("filter");
  filter.value = "KITCHEN";
  filter.dispatch("input");
  assert.deepEqual(shown(), ["home/+/temp"]);

  await clock.advance(5_000);
  await requests.answer(() => ({ state: "off", total: 0, patterns: [] }));
  assert.deepEqual(shown(), []);
  assert.equal(document.getElementById("empty").hidden, false);
  assert.equal(document.getElementById("empty-command").textContent, "discovery: on");

  await clock.advance(5_000);
  await requests.answer(() => ({ status: 403, body: { detail: "Not for you." } }));
  assert.equal(document.getElementById("problem").textContent, "This token may not see topics. Not for you.");
  clock.restore();
});
