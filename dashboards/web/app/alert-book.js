import { severityRank } from "./alert-words.js";

const stateOrder = ["pending", "firing", "resolved"];

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

/**
 * What is known of each alert, the newest that was heard of it.
 *
 * Answers and messages overtake each other. What came in which order is counted here, so that no clock matters: an answer
 * counts when it was asked for after the last news. Of messages, the gateway's own times say which is newer.
 */
export class AlertBook {
  /** @type {Map<string, {alert: Alert, count: number, saidAt: number}>} */
  #entries = new Map();
  #count = 0;
  #maxAlerts;

  /** @param {number} maxAlerts the oldest resolved ones give way */
  constructor(maxAlerts) {
    this.#maxAlerts = maxAlerts;
  }

  get size() {
    return this.#entries.size;
  }

  get isFull() {
    return this.#entries.size >= this.#maxAlerts;
  }

  clear() {
    this.#entries.clear();
  }

  /** A number for a question that goes out now. */
  asked() {
    return (this.#count += 1);
  }

  /** Takes what a question was answered. @param {object} raw @param {number} asked the question's number */
  answered(raw, asked) {
    const known = this.#entries.get(raw.alert_id);
    if (known && (goesBack(known.alert, raw) || (isSameState(known.alert, raw) && asked < known.count))) return;
    this.#put(raw, asked, known?.saidAt ?? -Infinity);
  }

  /**
   * Takes what a message told.
   * @param {object} raw @param {number} saidAt by the gateway's clock
   * @returns {boolean} whether it is news
   */
  told(raw, saidAt) {
    const known = this.#entries.get(raw.alert_id);
    if (known && (goesBack(known.alert, raw) || (isSameState(known.alert, raw) && saidAt < known.saidAt))) return false;
    this.#put(raw, this.asked(), saidAt);
    return true;
  }

  /** Takes an alert as it is after something that the user did. @returns {boolean} whether it is news */
  acted(raw) {
    const known = this.#entries.get(raw.alert_id);
    if (known && goesBack(known.alert, raw)) return false;
    this.#put(raw, this.asked(), known?.saidAt ?? -Infinity);
    this.#silence(raw);
    return true;
  }

  /** Forgets alerts that were active when a question was asked whose answer does not name them: their pending ended. */
  keepActive(raws, asked) {
    const active = new Set(raws.map(({ alert_id: id }) => id));
    for (const [id, { alert, count }] of this.#entries) {
      if (alert.state !== "resolved" && count < asked && !active.has(id)) this.#entries.delete(id);
    }
  }

  /** @param {string} id @returns {Alert | undefined} */
  get(id) {
    return this.#entries.get(id)?.alert;
  }

  /** @returns {Alert[]} */
  all() {
    return [...this.#entries.values()].map(({ alert }) => alert);
  }

  /** Those that fire, the worst first; those that may soon; then those that are over, the latest first. */
  sorted() {
    const rank = ({ state }) => ["firing", "pending", "resolved"].indexOf(state);
    const time = ({ state, resolvedMs, firedMs, pendingMs }) => (state === "resolved" ? resolvedMs : firedMs) ?? pendingMs;
    const severity = ({ state, severity }) => (state === "resolved" ? 0 : severityRank(severity));
    return this.all().sort((a, b) => rank(a) - rank(b) || severity(b) - severity(a) || time(b) - time(a));
  }

  #put(raw, count, saidAt) {
    this.#entries.set(raw.alert_id, { alert: withTimes(raw), count, saidAt });
    if (this.#entries.size > this.#maxAlerts) this.#entries.delete(this.sorted().at(-1).alert_id);
  }

  /** A silence is for all alerts of a rule and a device. */
  #silence({ rule, device, room_id: room, silenced_until: until }) {
    for (const entry of this.#entries.values()) {
      const { alert } = entry;
      if (alert.rule !== rule || alert.device !== device || alert.room_id !== room) continue;
      if (alert.silenced_until !== until) entry.alert = withTimes({ ...alert, silenced_until: until });
    }
  }
}

function isSameState(known, raw) {
  return known.state === raw.state;
}

function goesBack(known, raw) {
  return stateOrder.indexOf(raw.state) < stateOrder.indexOf(known.state);
}

function withTimes(raw) {
  return {
    ...raw, pendingMs: Date.parse(raw.pending_at), firedMs: milliseconds(raw.fired_at),
    resolvedMs: milliseconds(raw.resolved_at), silencedMs: milliseconds(raw.silenced_until),
  };
}

function milliseconds(text) {
  return text === undefined || text === null ? undefined : Date.parse(text);
}
