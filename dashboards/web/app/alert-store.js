import { severityRank } from "./alert-words.js";
import { getJSON } from "./api.js";

/** Alerts that are remembered; the oldest resolved ones give way. */
const maxAlerts = 1_000;
const pageSize = 500;
/** How far back the list goes without being asked for more. */
const recentMs = 86_400_000;
/** Alerts of one chart: more are no bands but a pattern. */
const maxBetween = 40;
/** Messages reach us of the rooms of this dashboard; of other devices we ask, at most so often. */
const refreshMs = 60_000;
const order = ["pending", "firing", "resolved"];

/**
 * An alert as `/api/alerts` gives it, with its times in Unix milliseconds.
 * @typedef {object} Alert
 * @property {string} alert_id
 * @property {"info" | "warning" | "critical"} severity
 * @property {"pending" | "firing" | "resolved"} state
 * @property {string} device
 * @property {string} message
 * @property {number} pendingMs
 * @property {number} [firedMs]
 * @property {number} [resolvedMs]
 * @property {number} [silencedMs] until when nobody is told
 */

/** The alerts that this page knows: asked for, and kept up to date by `alert` messages. */
export class AlertStore {
  /** @type {Map<string, Alert>} */
  #alerts = new Map();
  /** How old what is known is, by alert: what was said before does not count any more. @type {Map<string, number>} */
  #seen = new Map();
  #token = "";
  #serverNow = Date.now;
  #listeners = new Set();
  #timer = 0;
  #start = null;
  #rangeMs = 0;
  /** Why the list is not known, or `null`. @type {Error | null} */
  failure = null;
  isLoaded = false;
  hasMore = false;

  /** @param {string} token @param {() => number} serverNow */
  attach(token, serverNow) {
    this.#token = token;
    this.#serverNow = serverNow;
    this.#start = Symbol("start");
    this.refresh();
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.refresh(), refreshMs);
  }

  detach() {
    clearInterval(this.#timer);
    this.#start = null;
    this.#alerts.clear();
    this.#seen.clear();
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
    const isLonger = rangeMs > Math.max(this.#rangeMs, recentMs);
    this.#rangeMs = rangeMs;
    if (isLonger && this.#start) this.refresh();
  }

  /** Asks for what is active and what was lately. */
  async refresh() {
    const start = this.#start;
    const askedAt = this.#serverNow();
    const from = new Date(askedAt - Math.max(recentMs, this.#rangeMs)).toISOString();
    try {
      const [active, recent] = await Promise.all([
        this.#get(`state=active&limit=${pageSize}`), this.#get(`from=${encodeURIComponent(from)}&limit=${pageSize}`),
      ]);
      if (this.#start !== start) return;
      const isActive = new Set(active.alerts.map(({ alert_id: id }) => id));
      // What ended unheard of is told by the second answer, or not ours to know any more.
      for (const [id, alert] of this.#alerts) {
        const isUnknown = alert.state !== "resolved" && !isActive.has(id) && this.#seen.get(id) < askedAt;
        if (isUnknown && !active.has_more) this.#alerts.delete(id);
      }
      for (const alert of [...active.alerts, ...recent.alerts]) this.#put(alert, askedAt);
      // Whether there are older ones than the first answer goes back to is not known yet.
      if (!this.isLoaded) this.hasMore = true;
      this.isLoaded = true;
      this.failure = null;
    } catch (error) {
      if (this.#start !== start) return;
      this.failure = error;
    }
    this.#changed();
  }

  /** Asks for older ones. @returns {Promise<void>} rejects when that fails */
  async loadEarlier() {
    let oldest = null;
    for (const alert of this.#alerts.values()) if (!(alert.pendingMs >= oldest?.pendingMs)) oldest = alert;
    const start = this.#start;
    const askedAt = this.#serverNow();
    const page = await this.#get(`limit=100${oldest ? `&before=${encodeURIComponent(oldest.alert_id)}` : ""}`);
    if (this.#start !== start) return;
    for (const alert of page.alerts) this.#put(alert, askedAt);
    this.hasMore = page.has_more && this.#alerts.size < maxAlerts;
    this.#changed();
  }

  /**
   * Takes an alert as it was said or answered.
   * @param {object} alert as the gateway gives it @param {number} saidAt Unix milliseconds of the gateway
   */
  take(alert, saidAt) {
    if (this.#put(alert, saidAt)) this.#changed();
  }

  /** @param {string} id @returns {Alert | undefined} */
  get(id) {
    return this.#alerts.get(id);
  }

  /** Those that fire, the worst first; those that may soon; then those that are over, the latest first. */
  get list() {
    return this.#sorted();
  }

  get firing() {
    return [...this.#alerts.values()].filter(({ state }) => state === "firing");
  }

  /**
   * Those that fired before `to` and were not over at `from`, by time.
   * @param {number} from @param {number} to Unix milliseconds @param {(alert: Alert) => boolean} isWanted
   */
  between(from, to, isWanted) {
    const found = [];
    for (const alert of this.#alerts.values()) {
      if (alert.firedMs === undefined || alert.firedMs > to || (alert.resolvedMs ?? Infinity) < from) continue;
      if (isWanted(alert)) found.push(alert);
    }
    return found.sort((a, b) => a.firedMs - b.firedMs).slice(-maxBetween);
  }

  #get(query) {
    return getJSON(`/api/alerts?${query}`, this.#token);
  }

  #put(raw, saidAt) {
    const known = this.#alerts.get(raw.alert_id);
    if (known) {
      const [before, after] = [known.state, raw.state].map((state) => order.indexOf(state));
      if (after < before || (after === before && saidAt < this.#seen.get(raw.alert_id))) return false;
    }
    this.#seen.set(raw.alert_id, saidAt);
    this.#alerts.set(raw.alert_id, {
      ...raw, pendingMs: Date.parse(raw.pending_at), firedMs: milliseconds(raw.fired_at),
      resolvedMs: milliseconds(raw.resolved_at), silencedMs: milliseconds(raw.silenced_until),
    });
    if (this.#alerts.size > maxAlerts) this.#forget(this.#sorted().at(-1).alert_id);
    return true;
  }

  #forget(id) {
    this.#alerts.delete(id);
    this.#seen.delete(id);
  }

  #sorted() {
    const rank = ({ state }) => ["firing", "pending", "resolved"].indexOf(state);
    const time = ({ state, resolvedMs, firedMs, pendingMs }) => (state === "resolved" ? resolvedMs : firedMs) ?? pendingMs;
    const severity = ({ state, severity }) => (state === "resolved" ? 0 : severityRank(severity));
    return [...this.#alerts.values()].sort((a, b) =>
      rank(a) - rank(b) || severity(b) - severity(a) || time(b) - time(a));
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }
}

function milliseconds(text) {
  return text === undefined || text === null ? undefined : Date.parse(text);
}
