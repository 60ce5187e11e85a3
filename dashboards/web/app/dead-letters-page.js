import { hideUnreachable, session } from "./session/session.js";
import { getJSON } from "./shared/api.js";
import { byID, element, placeInOrder, setText } from "./shared/dom.js";
import { formatAge } from "./shared/format.js";
import { Theme } from "./shared/palette.js";
import { PayloadView } from "./shared/payload-view.js";
import { deviceLink } from "./shared/places.js";

const intervalMs = 5_000;
const pageSize = 100;
/** Maximum number of letters on the page. */
const maxShown = 1_000;

/** @typedef {import("./shared/gateway-types.js").DeadLetter} DeadLetter */
/** @typedef {import("./shared/gateway-types.js").DeadLetterPage} DeadLetterPage */
/**
 * A letter and its elements.
 * @typedef {{letter: DeadLetter, payload: PayloadView, root: HTMLElement, age: HTMLTimeElement, count: HTMLElement,
 *   detail: HTMLElement, first: HTMLElement, trace: HTMLAnchorElement}} Row
 */

/** The page of dead letters, for operators. It polls every five seconds while it is visible. */
class DeadLettersPage {
  #list = byID("letters", "ol");
  #summary = byID("summary", "p");
  #problem = byID("problem", "p");
  #empty = byID("empty", "section");
  #emptyText = byID("empty-text", "p");
  #reason = byID("reason", "select");
  #earlier = byID("earlier", "button");
  /**
   * By id.
   * @type {Map<number, Row>}
   */
  #rows = new Map();
  /** @type {Set<string>} */
  #reasons = new Set();
  /**
   * Identities of the latest requests, for the newest letters and for older ones. Answers to others are dropped.
   * @type {{newest: symbol | null, earlier: symbol | null}}
   */
  #latest = { newest: null, earlier: null };
  #hasEarlier = false;

  constructor() {
    new Theme(() => {});
    session.followLink();
    hideUnreachable(session.token);
    const reason = new URLSearchParams(location.search).get("reason");
    if (reason) this.#offer([reason]);
    this.#reason.value = reason ?? "";
    this.#reason.addEventListener("change", () => this.#filter());
    this.#earlier.addEventListener("click", () => this.#loadEarlier());
    setInterval(() => document.visibilityState === "visible" && this.#poll(), intervalMs);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#poll());
    this.#poll();
  }

  #filter() {
    const address = new URL(location.href);
    if (this.#reason.value) address.searchParams.set("reason", this.#reason.value);
    else address.searchParams.delete("reason");
    history.replaceState(history.state, "", address);
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#latest.earlier = null;
    this.#poll();
  }

  async #poll() {
    const isFirst = this.#rows.size === 0;
    const answer = await this.#ask("newest", "");
    if (!answer) return;
    if (isFirst || !answer.has_more) this.#hasEarlier = answer.has_more;
    this.#dropForgotten(answer);
    this.#show(answer);
  }

  async #loadEarlier() {
    this.#earlier.disabled = true;
    const last = /** @type {HTMLElement | null} */ (this.#list.lastElementChild);
    const answer = await this.#ask("earlier", `&before=${last?.dataset.letterId}`);
    this.#earlier.disabled = false;
    if (!answer) return;
    this.#hasEarlier = answer.has_more && this.#rows.size < maxShown;
    this.#show(answer);
  }

  /**
   * Drops letters that the gateway has forgotten: an answer names all letters that are newer than its last one.
   * @param {DeadLetterPage} answer
   */
  #dropForgotten({ dead_letters: letters, has_more: hasMore }) {
    const kept = new Set(letters.map(({ id }) => id));
    const end = hasMore ? Date.parse(letters[letters.length - 1].last_at) : -Infinity;
    for (const [id, { letter }] of this.#rows) {
      if (!kept.has(id) && Date.parse(letter.last_at) > end) this.#rows.delete(id);
    }
  }

  /**
   * @param {"newest" | "earlier"} which
   * @param {string} bounds
   * @returns {Promise<DeadLetterPage | null>} null after a failure, which is shown, or when another request followed
   */
  async #ask(which, bounds) {
    if (!session.token) return this.#fail("You are not signed in. Sign in on the dashboards' page, in this tab.");
    const latest = (this.#latest[which] = Symbol(which));
    const reason = this.#reason.value ? `&reason=${encodeURIComponent(this.#reason.value)}` : "";
    try {
      const answer = await getJSON(`/api/dead-letters?limit=${pageSize}${reason}${bounds}`, session.token);
      return this.#latest[which] === latest ? answer : null;
    } catch (error) {
      return this.#latest[which] === latest ? this.#fail(problemText(error)) : null;
    }
  }

  /**
   * @param {string} message
   * @returns {null}
   */
  #fail(message) {
    document.documentElement.dataset.view = "failed";
    setText(this.#problem, message);
    this.#problem.hidden = false;
    return null;
  }

  /** @param {DeadLetterPage} answer */
  #show({ dead_letters: letters, forgotten }) {
    this.#problem.hidden = true;
    for (const letter of letters) this.#put(letter);
    const rows = [...this.#rows.values()].sort((a, b) =>
      Date.parse(b.letter.last_at) - Date.parse(a.letter.last_at) || b.letter.id - a.letter.id);
    for (const { root } of rows.splice(maxShown)) this.#rows.delete(Number(root.dataset.letterId));
    for (const { letter, age } of rows) setText(age, formatAge(Date.now() - Date.parse(letter.last_at)));
    placeInOrder(this.#list, rows.map(({ root }) => root));
    this.#offer(letters.map(({ reason }) => reason));
    const isFiltered = this.#reason.value !== "";
    const isEmpty = rows.length === 0;
    document.documentElement.dataset.view = isEmpty ? "empty" : "letters";
    this.#empty.hidden = !isEmpty;
    setText(this.#emptyText, isFiltered
      ? `None for the reason “${words(this.#reason.value)}”.`
      : "Everything that devices published could be read. Unreadable payloads are kept here, with the reason.");
    this.#earlier.hidden = isEmpty || !this.#hasEarlier;
    const messages = rows.reduce((sum, { letter }) => sum + letter.count, 0);
    const verb = forgotten === 1 ? "entry was" : "entries were";
    const gone = forgotten > 0 ? ` · ${forgotten} older ${verb} forgotten` : "";
    setText(this.#summary, isEmpty ? gone.slice(3) : `${rows.length}${this.#hasEarlier ? " or more" : ""} `
      + `${rows.length === 1 ? "entry" : "entries"}, ${messages} messages${gone}`);
  }

  /**
   * Updates a letter's row in place, so that its payload stays readable while more messages arrive.
   * @param {DeadLetter} letter
   */
  #put(letter) {
    const row = this.#rows.get(letter.id) ?? this.#row(letter);
    const { count, detail, first_at: first, last_at: last, trace_id: trace } = (row.letter = letter);
    setText(row.count, count === 1 ? "once" : `${count} times`);
    setText(row.detail, detail);
    setText(row.first, count > 1 ? ` · first ${new Date(first).toLocaleString()}` : "");
    row.age.dateTime = last;
    row.age.title = new Date(last).toLocaleString();
    row.trace.hidden = !/^[0-9a-f]{32}$/.test(trace ?? "");
    if (!row.trace.hidden) row.trace.href = `latency.html?trace=${trace}`;
    row.payload.update(letter);
    this.#rows.set(letter.id, row);
  }

  /**
   * @param {DeadLetter} letter
   * @returns {Row}
   */
  #row(letter) {
    const { id, topic, device, reason } = letter;
    const row = {
      root: element("li", { className: "entry", dataset: { letterId: id, reason } }), letter,
      payload: new PayloadView(), age: element("time"),
      count: element("span", { className: "letter-count" }), detail: element("p", { className: "letter-detail" }),
      first: element("span"), trace: element("a", {}, "Trace"),
    };
    row.root.append(
      element("p", { className: "letter-head" },
        element("strong", { className: "letter-topic" }, topic),
        device === undefined ? null : deviceLink(device),
        element("span", { className: "letter-reason" }, words(reason)), row.count),
      row.detail,
      element("p", { className: "letter-times" }, "last ", row.age, row.first, row.trace),
      row.payload.root);
    return row;
  }

  /**
   * Adds reasons to the filter.
   * @param {string[]} reasons
   */
  #offer(reasons) {
    const fresh = reasons.filter((reason) => !this.#reasons.has(reason));
    for (const reason of new Set(fresh)) {
      this.#reasons.add(reason);
      this.#reason.append(element("option", { value: reason }, words(reason)));
    }
  }
}

/**
 * Formats a reason for display: `invalid_json` → `invalid JSON`.
 * @param {string} reason
 */
function words(reason) {
  return reason.replaceAll("_", " ").replace(/\bjson\b/g, "JSON").replace(/\butf8\b/g, "UTF-8");
}

/** @param {{status?: number, message: string}} error */
function problemText({ status, message }) {
  if (status === 401) return "The gateway does not accept the token any more. Sign in again on the dashboards' page.";
  if (status === 403) return `This token may not see dead letters. ${message}`;
  if (status === 404) return "This gateway keeps no dead letters: it is older than this page.";
  return status ? message : "The gateway does not answer. Below is its last answer.";
}

new DeadLettersPage();
