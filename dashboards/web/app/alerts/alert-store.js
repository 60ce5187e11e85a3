import { getJSON } from "../shared/api.js";
import { AlertBook } from "./alert-book.js";

/** Alerts that are kept. */
const maxAlerts = 1_000;
const pageSize = 500;
const olderPageSize = 100;
/** Age up to which the list loads alerts by itself. */
const recentMs = 86_400_000;
/** Maximum number of alerts in a chart. */
const maxBetween = 40;
/** Interval of requests. Messages arrive only for the rooms of this dashboard. */
const refreshMs = 60_000;
/** Shortest time between two requests. */
const restMs = 1_500;
/** Time to wait for a connection before the first request. */
const patienceMs = 1_000;

/** @typedef {import("./alert-book.js").Alert} Alert */
/** @typedef {import("../../windsock-client.js").Alert} RawAlert */
/** @typedef {import("../shared/gateway-types.js").AlertPage} AlertPage */

/** The alerts that this page knows: requested from the gateway, and updated by `alert` messages. */
export class AlertStore {
  #book = new AlertBook(maxAlerts);
  #cursor = new AlertCursor();
  #token = "";
  #serverNow = Date.now;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {ReturnType<typeof setTimeout>[]} */
  #timers = [];
  /**
   * Identity of the attached client; answers for another one are dropped.
   * @type {symbol | null}
   */
  #start = null;
  #rangeMs = 0;
  /** Age of the oldest requested alerts; 0 before the first request. */
  #requestedMs = 0;
  #refresh = new Coalesced(() => this.#request(), restMs);
  /**
   * The error of the last request, or null.
   * @type {Error | null}
   */
  failure = null;
  isLoaded = false;
  /** Whether there may be older ones. */
  hasMore = false;

  /**
   * @param {string} token
   * @param {() => number} serverNow
   */
  attach(token, serverNow) {
    this.#token = token;
    this.#serverNow = serverNow;
    this.#start = Symbol("start");
    this.#timers = [
      setTimeout(() => this.#requestedMs > 0 || this.refresh(), patienceMs),
      setInterval(() => document.visibilityState === "visible" && this.refresh(), refreshMs),
    ];
  }

  detach() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#start = null;
    this.#requestedMs = 0;
    this.#book.clear();
    this.#cursor.clear();
    this.failure = null;
    this.isLoaded = this.hasMore = false;
    this.#notify();
  }

  /** @param {() => void} listener called after each change */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /**
   * Sets the range of the charts, which show the alerts of the same range.
   * @param {number} rangeMs age of its start
   */
  setRange(rangeMs) {
    this.#rangeMs = rangeMs;
    if (this.#requestedMs > 0 && rangeMs > this.#requestedMs) this.refresh();
  }

  /**
   * Requests active and recent alerts.
   * @returns {Promise<void>} resolves after the answer or a failure
   */
  refresh() {
    return this.#refresh.run();
  }

  async #request() {
    const start = this.#start;
    if (!start) return;
    const sequence = this.#book.nextSequence();
    const now = this.#serverNow();
    this.#requestedMs = Math.max(recentMs, this.#rangeMs);
    const from = now - this.#requestedMs;
    try {
      const [active, recent] = await Promise.all([
        this.#get(`state=active&limit=${pageSize}`),
        this.#get(`from=${encodeURIComponent(new Date(from).toISOString())}&limit=${pageSize}`),
      ]);
      if (this.#start !== start) return;
      // An alert that ended meanwhile is in the second answer, or not visible to this user.
      if (!active.has_more) this.#book.keepActive(active.alerts, sequence);
      for (const alert of [...active.alerts, ...recent.alerts]) this.#book.answered(alert, sequence);
      // It is not known yet whether there are older ones.
      if (this.#cursor.takeNewest(recent, from, now)) this.hasMore = true;
      this.isLoaded = true;
      this.failure = null;
    } catch (error) {
      if (this.#start !== start) return;
      this.failure = error;
    }
    this.#notify();
  }

  /**
   * Requests older alerts. {@link hasMore} tells whether there may be more, {@link failure} why there was no answer.
   */
  async loadEarlier() {
    const start = this.#start;
    const sequence = this.#book.nextSequence();
    const { before } = this.#cursor;
    try {
      const page = await this.#get(`limit=${olderPageSize}${before ? `&before=${encodeURIComponent(before)}` : ""}`);
      if (this.#start !== start) return;
      for (const alert of page.alerts) this.#book.answered(alert, sequence);
      this.#cursor.takeOlder(page.alerts, page.next);
      this.hasMore = page.has_more && !this.#book.isFull;
      this.failure = null;
    } catch (error) {
      if (this.#start !== start) return;
      this.failure = error;
    }
    this.#notify();
  }

  /**
   * Takes an alert of a message.
   * @param {RawAlert} alert
   * @param {number} publishedAt Unix milliseconds of the gateway
   */
  published(alert, publishedAt) {
    if (this.#book.published(alert, publishedAt)) this.#notify();
  }

  /**
   * Takes an alert as changed by the user's own action.
   * @param {RawAlert} alert
   */
  changed(alert) {
    if (this.#book.changed(alert)) this.#notify();
  }

  /**
   * @param {string} id
   * @returns {Alert | undefined}
   */
  get(id) {
    return this.#book.get(id);
  }

  /** Firing alerts by severity, then pending ones, then resolved ones, latest first. */
  get list() {
    return this.#book.sorted();
  }

  get firing() {
    return this.#book.all().filter(({ state }) => state === "firing");
  }

  /**
   * Returns the alerts that fired before `to` and were not resolved before `from`, by time.
   * @param {number} from Unix milliseconds
   * @param {number} to Unix milliseconds
   * @param {(alert: Alert) => boolean} isWanted
   */
  between(from, to, isWanted) {
    const found = this.#book.all().filter((alert) => {
      const { firedMs = Infinity, resolvedMs = Infinity } = alert;
      return firedMs <= to && resolvedMs >= from && isWanted(alert);
    });
    return found.sort((a, b) => (a.firedMs ?? 0) - (b.firedMs ?? 0)).slice(-maxBetween);
  }

  /**
   * @param {string} query
   * @returns {Promise<AlertPage>}
   */
  #get(query) {
    return getJSON(`/api/alerts?${query}`, this.#token);
  }

  #notify() {
    for (const listener of this.#listeners) listener();
  }
}

/**
 * The position from which older alerts are requested.
 *
 * It is the oldest time since which all alerts are known, not the oldest known alert: an alert that has been firing for
 * long is known at any age, but the resolved ones since then are not.
 */
class AlertCursor {
  /**
   * Id of the alert before which older ones are requested; `null` for the newest.
   * @type {string | null}
   */
  before = null;
  /** All alerts that began between these times are known, in Unix milliseconds. */
  #from = Infinity;
  #to = -Infinity;

  clear() {
    this.before = null;
    this.#from = Infinity;
    this.#to = -Infinity;
  }

  /**
   * Takes the answer to `from=`: the alerts that began since then, and those that were not over then.
   * @param {AlertPage} answer
   * @param {number} from Unix milliseconds
   * @param {number} to time of the request, Unix milliseconds
   * @returns {boolean} whether the known range starts anew, because the answer does not reach the old one
   */
  takeNewest({ alerts, has_more: hasMore, next }, from, to) {
    const begun = alerts.filter(({ pending_at: at }) => Date.parse(at) >= from);
    const last = begun[begun.length - 1];
    const reaches = hasMore && begun.length === alerts.length && last ? Date.parse(last.pending_at) : from;
    const isApart = reaches > this.#to;
    if (isApart || reaches < this.#from) {
      // A page may end after its last alert, at alerts that this user may not see.
      this.before = (begun.length === alerts.length ? next : undefined) ?? last?.alert_id ?? null;
      this.#from = reaches;
    }
    this.#to = Math.max(this.#to, to);
    return isApart;
  }

  /**
   * Takes a page of older alerts.
   * @param {RawAlert[]} alerts latest first
   * @param {string} [next] value of `before` for the next page
   */
  takeOlder(alerts, next) {
    const last = alerts[alerts.length - 1];
    this.before = next ?? last?.alert_id ?? this.before;
    if (!last) return;
    this.#from = Math.min(this.#from, Date.parse(last.pending_at));
  }
}

/**
 * Coalesces calls of an operation: one run at a time, a pause after each run, and one more run for the calls made
 * during a run.
 */
class Coalesced {
  #work;
  #restMs;
  /** @type {Promise<unknown>} */
  #ready = Promise.resolve();
  /** @type {Promise<void> | null} */
  #next = null;

  /**
   * @param {() => Promise<void>} work never rejects
   * @param {number} restMs pause after each run
   */
  constructor(work, restMs) {
    this.#work = work;
    this.#restMs = restMs;
  }

  /** @returns {Promise<void>} resolves after a run that began after this call */
  run() {
    return (this.#next ??= this.#ready.then(() => {
      this.#next = null;
      const done = this.#work();
      this.#ready = done.then(() => new Promise((resolve) => setTimeout(resolve, this.#restMs)));
      return done;
    }));
  }
}
