import { severityRank } from "./alert-words.js";

const stateOrder = ["pending", "firing", "resolved"];

/** @typedef {import("../../windsock-client.js").Alert} RawAlert */
/**
 * An alert with its times in Unix milliseconds.
 * @typedef {RawAlert & {pendingMs: number, firedMs?: number, resolvedMs?: number, silencedMs?: number}} Alert
 */

/**
 * The newest known version of each alert.
 *
 * Answers and messages overtake each other. Requests and messages are numbered as they happen, so that no clock is
 * needed: an answer counts if it was requested after the last message. The gateway's timestamps order messages among
 * themselves.
 */
export class AlertBook {
  /** @type {Map<string, {alert: Alert, sequence: number, publishedAt: number}>} */
  #entries = new Map();
  #sequence = 0;
  #maxAlerts;

  /** @param {number} maxAlerts beyond it the oldest resolved ones are dropped */
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

  /** Numbers a request that is sent now. */
  nextSequence() {
    return (this.#sequence += 1);
  }

  /**
   * Takes an alert of an answer.
   * @param {RawAlert} raw
   * @param {number} sequence of the request
   */
  answered(raw, sequence) {
    const known = this.#entries.get(raw.alert_id);
    if (known && (goesBack(known.alert, raw) || (isSameState(known.alert, raw) && sequence < known.sequence))) return;
    this.#put(raw, sequence, known?.publishedAt ?? -Infinity);
  }

  /**
   * Takes an alert of a message.
   * @param {RawAlert} raw
   * @param {number} publishedAt by the gateway's clock
   * @returns {boolean} whether something changed
   */
  published(raw, publishedAt) {
    const known = this.#entries.get(raw.alert_id);
    const isOlder = known && isSameState(known.alert, raw) && publishedAt < known.publishedAt;
    if (known && (goesBack(known.alert, raw) || isOlder)) return false;
    this.#put(raw, this.nextSequence(), publishedAt);
    return true;
  }

  /**
   * Takes an alert as changed by the user's own action.
   * @param {RawAlert} raw
   * @returns {boolean} whether something changed
   */
  changed(raw) {
    const known = this.#entries.get(raw.alert_id);
    if (known && goesBack(known.alert, raw)) return false;
    this.#put(raw, this.nextSequence(), known?.publishedAt ?? -Infinity);
    this.#silence(raw);
    return true;
  }

  /**
   * Drops active alerts that are missing in a later answer: their pending state ended without an alert.
   * @param {RawAlert[]} raws all active alerts
   * @param {number} sequence of the request
   */
  keepActive(raws, sequence) {
    const active = new Set(raws.map(({ alert_id: id }) => id));
    for (const [id, { alert, sequence: known }] of this.#entries) {
      if (alert.state !== "resolved" && known < sequence && !active.has(id)) this.#entries.delete(id);
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

  /** Returns firing alerts by severity, then pending ones, then resolved ones, latest first. */
  sorted() {
    return this.all().sort((a, b) => rank(a) - rank(b) || weight(b) - weight(a) || lastTime(b) - lastTime(a));
  }

  /**
   * @param {RawAlert} raw
   * @param {number} sequence
   * @param {number} publishedAt
   */
  #put(raw, sequence, publishedAt) {
    this.#entries.set(raw.alert_id, { alert: withTimes(raw), sequence, publishedAt });
    if (this.#entries.size > this.#maxAlerts) this.#entries.delete(this.sorted()[this.#maxAlerts].alert_id);
  }

  /**
   * Applies a silence to all alerts of its rule and device.
   * @param {RawAlert} raw
   */
  #silence({ rule, device, room_id: room, silenced_until: until }) {
    for (const entry of this.#entries.values()) {
      const { alert } = entry;
      if (alert.rule !== rule || alert.device !== device || alert.room_id !== room) continue;
      if (alert.silenced_until !== until) entry.alert = withTimes({ ...alert, silenced_until: until });
    }
  }
}

/** @param {Alert} alert */
function rank({ state }) {
  return ["firing", "pending", "resolved"].indexOf(state);
}

/** @param {Alert} alert */
function weight({ state, severity }) {
  return state === "resolved" ? 0 : severityRank(severity);
}

/** @param {Alert} alert */
function lastTime({ state, resolvedMs, firedMs, pendingMs }) {
  return (state === "resolved" ? resolvedMs : firedMs) ?? pendingMs;
}

/**
 * @param {Alert} known
 * @param {RawAlert} raw
 */
function isSameState(known, raw) {
  return known.state === raw.state;
}

/**
 * Whether a state precedes the known one: pending, firing, resolved.
 * @param {Alert} known
 * @param {RawAlert} raw
 */
function goesBack(known, raw) {
  return stateOrder.indexOf(raw.state) < stateOrder.indexOf(known.state);
}

/**
 * Adds an alert's times in Unix milliseconds.
 * @param {RawAlert} raw
 * @returns {Alert}
 */
export function withTimes(raw) {
  return {
    ...raw, pendingMs: Date.parse(raw.pending_at), firedMs: milliseconds(raw.fired_at),
    resolvedMs: milliseconds(raw.resolved_at), silencedMs: milliseconds(raw.silenced_until),
  };
}

/** @param {string | null | undefined} text */
function milliseconds(text) {
  return text === undefined || text === null ? undefined : Date.parse(text);
}
