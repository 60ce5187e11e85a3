import { getJSON } from "./api.js";
import { element, setText } from "./dom.js";
import { Theme } from "./palette.js";
import { session } from "./session.js";

const intervalMs = 5_000;
/** Characters of a payload that stand in the list before somebody asks for the rest. */
const maxShown = 300;

/** What could not be taken, for operators: asked for every few seconds while the page is looked at. */
class DeadLettersPage {
  #list = document.getElementById("letters");
  #summary = document.getElementById("summary");
  #problem = document.getElementById("problem");
  #empty = document.getElementById("empty");
  #reason = document.getElementById("reason");
  /** Payloads that are shown as a whole. */
  #open = new Set();

  constructor() {
    new Theme(() => {});
    session.takeFromAddress();
    this.#reason.addEventListener("change", () => this.#poll());
    this.#poll();
    setInterval(() => document.visibilityState === "visible" && this.#poll(), intervalMs);
  }

  async #poll() {
    document.documentElement.dataset.view = "clients";
    if (!session.token) return this.#fail("You are not signed in. Sign in on the dashboards' page, in this tab.");
    const reason = this.#reason.value ? `&reason=${encodeURIComponent(this.#reason.value)}` : "";
    try {
      this.#show(await getJSON(`/api/dead-letters?limit=200${reason}`, session.token));
    } catch (error) {
      this.#fail(error.status === 401
        ? "The gateway does not accept the token any more. Sign in again on the dashboards' page."
        : error.status ? error.message : "The gateway does not answer. What stands below is what it said last.");
    }
  }

  #fail(message) {
    setText(this.#problem, message);
    this.#problem.hidden = false;
  }

  #show({ dead_letters: letters, has_more: hasMore, forgotten }) {
    this.#problem.hidden = true;
    this.#empty.hidden = letters.length > 0;
    const more = hasMore ? " and more" : "";
    const gone = forgotten > 0 ? ` · ${forgotten} forgotten` : "";
    setText(this.#summary, letters.length === 0 ? "" : `${letters.length}${more}, the latest first${gone}`);
    const known = new Set([...this.#reason.options].map(({ value }) => value));
    for (const { reason } of letters) {
      if (!known.has(reason)) this.#reason.append(element("option", { value: reason }, reason.replaceAll("_", " ")));
      known.add(reason);
    }
    this.#list.replaceChildren(...letters.map((letter) => this.#item(letter)));
  }

  #item(letter) {
    const times = (text) => new Date(text).toLocaleString();
    const facts = [`${letter.count} times`, `last ${times(letter.last_at)}`, `first ${times(letter.first_at)}`];
    return element("li", { className: "letter", dataset: { letterId: letter.id, reason: letter.reason } },
      element("p", { className: "letter-head" },
        element("strong", {}, letter.topic), element("span", { className: "letter-reason" }, letter.reason.replaceAll("_", " "))),
      element("p", {}, `${letter.detail.charAt(0).toUpperCase()}${letter.detail.slice(1)}.`),
      ...this.#payload(letter),
      element("p", { className: "quiet" }, facts.join(" · "),
        letter.trace_id
          ? element("a", { href: `latency.html?trace=${encodeURIComponent(letter.trace_id)}`, className: "letter-trace" }, "Trace")
          : null));
  }

  /** The payload as text, or in hexadecimal digits. */
  #payload({ id, payload, payload_base64: base64, payload_bytes: size }) {
    const text = payload ?? hexadecimal(base64 ?? "");
    const isOpen = this.#open.has(id) || text.length <= maxShown;
    const code = element("code", {}, isOpen ? text : `${text.slice(0, maxShown)}…`);
    const button = element("button", {
      type: "button", className: "text-button", hidden: isOpen,
      onclick: () => {
        this.#open.add(id);
        code.textContent = text;
        button.hidden = true;
      },
    }, `Show all of ${size} bytes${size > 4096 ? " that were kept" : ""}`);
    return [element("pre", { className: "letter-payload" }, code), button];
  }
}

function hexadecimal(base64) {
  return [...atob(base64)].map((character) => character.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
}

new DeadLettersPage();
