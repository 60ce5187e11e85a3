import { getJSON } from "./api.js";
import { element, setText } from "./dom.js";
import { formatAge } from "./format.js";
import { Theme } from "./palette.js";
import { PayloadView } from "./payload-view.js";
import { session } from "./session.js";

const intervalMs = 5_000;
const pageSize = 100;
/** Letters that stand on the page; older ones are a click away no more. */
const maxShown = 1_000;

/** What no decoder took, for operators: asked for every five seconds while the page is looked at. */
class DeadLettersPage {
  #list = document.getElementById("letters");
  #summary = document.getElementById("summary");
  #problem = document.getElementById("problem");
  #empty = document.getElementById("empty");
  #emptyText = document.getElementById("empty-text");
  #reason = document.getElementById("reason");
  #earlier = document.getElementById("earlier");
  /** By id: the letter, and the elements that tell it. @type {Map<number, object>} */
  #rows = new Map();
  #reasons = new Set();
  /** Which answer counts: of the newest letters, and of older ones. */
  #latest = { newest: null, earlier: null };
  #hasEarlier = false;

  constructor() {
    new Theme(() => {});
    session.followLink();
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
    const answer = await this.#ask("earlier", `&before=${this.#list.lastElementChild.dataset.letterId}`);
    this.#earlier.disabled = false;
    if (!answer) return;
    this.#hasEarlier = answer.has_more && this.#rows.size < maxShown;
    this.#show(answer);
  }

  /** The answer has all that are newer than its last one: what it does not name is not kept any more. */
  #dropForgotten({ dead_letters: letters, has_more: hasMore }) {
    const kept = new Set(letters.map(({ id }) => id));
    const end = hasMore ? Date.parse(letters.at(-1).last_at) : -Infinity;
    for (const [id, { letter }] of this.#rows) {
      if (!kept.has(id) && Date.parse(letter.last_at) > end) this.#rows.delete(id);
    }
  }

  /** @returns {Promise<object | null>} null when it failed, which is told, or does not count any more */
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

  #fail(message) {
    document.documentElement.dataset.view = "failed";
    setText(this.#problem, message);
    this.#problem.hidden = false;
    return null;
  }

  #show({ dead_letters: letters, forgotten }) {
    this.#problem.hidden = true;
    for (const letter of letters) this.#put(letter);
    const rows = [...this.#rows.values()].sort((a, b) =>
      Date.parse(b.letter.last_at) - Date.parse(a.letter.last_at) || b.letter.id - a.letter.id);
    for (const { root } of rows.splice(maxShown)) this.#rows.delete(Number(root.dataset.letterId));
    // What is in its place stays there: who reads a payload keeps the place, too.
    let place = this.#list.firstChild;
    for (const { root, letter, age } of rows) {
      setText(age, formatAge(Date.now() - Date.parse(letter.last_at)));
      if (root === place) place = place.nextSibling;
      else this.#list.insertBefore(root, place);
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
    this.#offer(letters.map(({ reason }) => reason));
    const isFiltered = this.#reason.value !== "";
    const isEmpty = rows.length === 0;
    document.documentElement.dataset.view = isEmpty ? "empty" : "letters";
    this.#empty.hidden = !isEmpty;
    setText(this.#emptyText, isFiltered
      ? `None for the reason “${words(this.#reason.value)}”.`
      : "Everything that devices published could be read. What no decoder takes is kept here, with the reason.");
    this.#earlier.hidden = isEmpty || !this.#hasEarlier;
    const messages = rows.reduce((sum, { letter }) => sum + letter.count, 0);
    const gone = forgotten > 0 ? ` · ${forgotten} older ${forgotten === 1 ? "entry was" : "entries were"} forgotten` : "";
    setText(this.#summary, isEmpty ? gone.slice(3) : `${rows.length}${this.#hasEarlier ? " or more" : ""} `
      + `${rows.length === 1 ? "entry" : "entries"}, ${messages} messages${gone}`);
  }

  /** Who reads a payload keeps reading, also while more of its kind come. */
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

  #row({ id, topic, reason }) {
    const row = {
      letter: null, payload: new PayloadView(), age: element("time"),
      count: element("span", { className: "letter-count" }), detail: element("p", { className: "letter-detail" }),
      first: element("span"), trace: element("a", {}, "Trace"),
    };
    row.root = element("li", { className: "letter", dataset: { letterId: id, reason } },
      element("p", { className: "letter-head" },
        element("strong", { className: "letter-topic" }, topic),
        element("span", { className: "letter-reason" }, words(reason)), row.count),
      row.detail,
      element("p", { className: "letter-times" }, "last ", row.age, row.first, row.trace),
      row.payload.root);
    return row;
  }

  #offer(reasons) {
    const fresh = reasons.filter((reason) => !this.#reasons.has(reason));
    for (const reason of new Set(fresh)) {
      this.#reasons.add(reason);
      this.#reason.append(element("option", { value: reason }, words(reason)));
    }
  }
}

/** `invalid_json` → `invalid JSON` */
function words(reason) {
  return reason.replaceAll("_", " ").replace(/\bjson\b/g, "JSON").replace(/\butf8\b/g, "UTF-8");
}

function problemText({ status, message }) {
  if (status === 401) return "The gateway does not accept the token any more. Sign in again on the dashboards' page.";
  if (status === 403) return `This token may not see dead letters. ${message}`;
  if (status === 404) return "This gateway keeps no dead letters: it is older than this page.";
  return status ? message : "The gateway does not answer. What stands below is what it said last.";
}

new DeadLettersPage();
