import { AlertBook } from "./alert-book.js";
import { AlertCursor } from "./alert-cursor.js";
import { getJSON } from "./api.js";
import { Coalesced } from "./coalesced.js";

/** Alerts that are remembered. */
const maxAlerts = 1_000;
const pageSize = 500;
const olderPageSize = 100;
/** How far back the list goes without being asked for more. */
const recentMs = 86_400_000;
/** Alerts of one chart: more are no bands but a pattern. */
const maxBetween = 40;
/** Messages reach us of the rooms of this dashboard; of other devices we ask, at least so often, */
const refreshMs = 60_000;
/** and at most so often, whatever happens. */
const restMs = 1_500;
/** The connection asks when it is there; without one the alerts are shown all the same. */
const patienceMs = 1_000;

/** The alerts that this page knows: asked for, and kept up to date by `alert` messages. */
export class AlertStore {
  #book = new AlertBook(maxAlerts);
  #cursor = new AlertCursor();
  #token = "";
  #serverNow = Date.now;
  #listeners = new Set();
  #timers = [];
  /** Which attachment an answer is for. */
  #start = null;
  #rangeMs = 0;
  /** How far back was asked for; 0 before that. */
  #askedMs = 0;
  #refresh = new Coalesced(() => this.#ask(), restMs);
  /** Why the list, or a part of it, could not be had, or `null`. @type {Error | null} */
  failure = null;
  isLoaded = false;
  /** Whether there may be older ones. */
  hasMore = false;

  /** @param {string} token @param {() => number} serverNow */
  attach(token, serverNow) {
    this.#token = token;
    this.#serverNow = serverNow;
    this.#start = Symbol("start");
    this.#timers = [
      setTimeout(() => this.#askedMs > 0 || this.refresh(), patienceMs),
      setInterval(() => document.visibilityState === "visible" && this.refresh(), refreshMs),
    ];
  }

  detach() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#start = null;
    this.#askedMs = 0;
    this.#book.clear();
    this.#cursor.clear();
    this.failure = null;
    this.isLoaded = this.hasMore = false;
    this.#changed();
  }

  /** @param {() => void} listener called whenever something changed */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** Charts go back so far: so do their bands. @param {number} rangeMs */
  setRange(rangeMs) {
    this.#rangeMs = rangeMs;
    if (this.#askedMs > 0 && rangeMs > this.#askedMs) this.refresh();
  }

  /** Asks for what is active and what was lately. @returns {Promise<void>} fulfilled when it is known, or failed */
  refresh() {
    return this.#refresh.run();
  }

  async #ask() {
    const start = this.#start;
    if (!start) return;
    const asked = this.#book.asked();
    const now = this.#serverNow();
    this.#askedMs = Math.max(recentMs, this.#rangeMs);
    const from = now - this.#askedMs;
    try {
      const [active, recent] = await Promise.all([
        this.#get(`state=active&limit=${pageSize}`),
        this.#get(`from=${encodeURIComponent(new Date(from).toISOString())}&limit=${pageSize}`),
      ]);
      if (this.#start !== start) return;
      // What ended unheard of is told by the second answer, or not ours to know any more.
      if (!active.has_more) this.#book.keepActive(active.alerts, asked);
      for (const alert of [...active.alerts, ...recent.alerts]) this.#book.answered(alert, asked);
      // Whether there are older ones than it goes back to is not known yet.
      if (this.#cursor.takeNewest(recent, from, now)) this.hasMore = true;
      this.isLoaded = true;
      this.failure = null;
    } catch (error) {
      if (this.#start !== start) return;
      this.failure = error;
    }
    this.#changed();
  }

  /** Asks for older ones: {@link hasMore} says whether there may be more, {@link failure} why there was no answer. */
  async loadEarlier() {
    const start = this.#start;
    const asked = this.#book.asked();
    const { before } = this.#cursor;
    try {
      const page = await this.#get(`limit=${olderPageSize}${before ? `&before=${encodeURIComponent(before)}` : ""}`);
      if (this.#start !== start) return;
      for (const alert of page.alerts) this.#book.answered(alert, asked);
      this.#cursor.takeOlder(page.alerts, page.next);
      this.hasMore = page.has_more && !this.#book.isFull;
      this.failure = null;
    } catch (error) {
      if (this.#start !== start) return;
      this.failure = error;
    }
    this.#changed();
  }

  /** Takes an alert as a message told it. @param {object} alert @param {number} saidAt Unix milliseconds of the gateway */
  told(alert, saidAt) {
    if (this.#book.told(alert, saidAt)) this.#changed();
  }

  /** Takes an alert as it is after something that the user did. @param {object} alert */
  acted(alert) {
    if (this.#book.acted(alert)) this.#changed();
  }

  /** @param {string} id @returns {import("./alert-book.js").Alert | undefined} */
  get(id) {
    return this.#book.get(id);
  }

  /** Those that fire, the worst first; those that may soon; then those that are over, the latest first. */
  get list() {
    return this.#book.sorted();
  }

  get firing() {
    return this.#book.all().filter(({ state }) => state === "firing");
  }

  /**
   * Those that fired before `to` and were not over at `from`, by time.
   * @param {number} from @param {number} to Unix milliseconds
   * @param {(alert: import("./alert-book.js").Alert) => boolean} isWanted
   */
  between(from, to, isWanted) {
    const found = this.#book.all().filter((alert) =>
      alert.firedMs <= to && !(alert.resolvedMs < from) && isWanted(alert));
    return found.sort((a, b) => a.firedMs - b.firedMs).slice(-maxBetween);
  }

  #get(query) {
    return getJSON(`/api/alerts?${query}`, this.#token);
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }
}
