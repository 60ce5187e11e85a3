import { getJSON } from "../shared/api.js";
import { byID, setData, setText } from "../shared/dom.js";
import { formatAge, formatDuration } from "../shared/format.js";
import { moment } from "../alerts/alert-words.js";
import { DeviceFacts } from "./device-facts.js";

/** Interval of requests. Values and charts are live without them. */
const refreshMs = 10_000;

/** @typedef {import("../shared/gateway-types.js").DeviceAnswer} DeviceAnswer */

/** The page of a device: {@link DeviceFacts}, and the line below the heading. */
export class DeviceView {
  #line = byID("dashboard-description", "p");
  #unknown = byID("device-unknown", "section");
  #unknownTitle = byID("device-unknown-title", "h2");
  #problem = byID("device-problem", "p");
  #facts;
  #onMetrics;
  #onMissing;
  #now;
  #device = "";
  #token = "";
  /** @type {DeviceAnswer | null} */
  #answer = null;
  /** Names of the metrics and rooms of the last answer. */
  #signature = "";
  /**
   * Identity of the shown device; answers for others are dropped.
   * @type {symbol | null}
   */
  #shown = null;
  #isAsking = false;
  #dueAt = 0;
  #lastHeard = 0;

  /**
   * @param {object} context
   * @param {() => number} context.now the gateway's time
   * @param {(id: string) => void} context.onAlert the user opens an alert
   * @param {(answer: DeviceAnswer) => void} context.onMetrics the device is known, or has other metrics than before
   * @param {() => void} context.onMissing the device is unknown or could not be loaded, so that it has no rooms yet
   */
  constructor({ now, onAlert, onMetrics, onMissing }) {
    this.#now = now;
    this.#facts = new DeviceFacts(onAlert);
    this.#onMetrics = onMetrics;
    this.#onMissing = onMissing;
  }

  /**
   * @param {string} device
   * @param {string} token
   */
  open(device, token) {
    this.close();
    [this.#device, this.#token] = [device, token];
    this.#shown = Symbol(device);
    this.#load();
  }

  close() {
    this.#shown = null;
    this.#answer = null;
    this.#signature = "";
    this.#isAsking = false;
    this.#lastHeard = 0;
    this.#facts.hide();
    this.#unknown.hidden = this.#problem.hidden = true;
    setData(this.#line, "status", null);
  }

  /**
   * Takes a live reading.
   * @param {import("../../windsock-client.js").DataUpdate} update
   */
  received({ device, data, snapshot }) {
    if (device !== this.#device || snapshot || !this.#answer) return;
    this.#lastHeard = this.#now();
    const { metrics } = this.#answer;
    const known = new Set(metrics.map(({ name }) => name)).add("timestamp");
    const isNew = Object.keys(data).some((name) => !known.has(name));
    // A new metric is shown soon.
    if (isNew) this.#dueAt = Math.min(this.#dueAt, performance.now() + 1_000);
  }

  /**
   * Takes a status.
   * @param {Pick<import("../../windsock-client.js").DeviceStatus, "device" | "status" | "since">} status
   */
  setStatus({ device, status, since }) {
    if (device !== this.#device || !this.#answer) return;
    Object.assign(this.#answer, { status, status_since: since });
    this.tick();
  }

  /** Updates ages, and requests the device when it is due. Call it once a second. */
  tick() {
    if (!this.#shown) return;
    if (this.#answer) {
      setText(this.#line, statusLine(this.#answer, this.#lastHeard, this.#now()));
      setData(this.#line, "status", this.#answer.status);
      this.#facts.tick(this.#now());
    }
    if (performance.now() >= this.#dueAt && document.visibilityState === "visible") this.#load();
  }

  async #load() {
    if (this.#isAsking) return;
    const shown = this.#shown;
    this.#isAsking = true;
    let answer, failure;
    try {
      answer = await getJSON(`/api/devices/${encodeURIComponent(this.#device)}`, this.#token);
    } catch (error) {
      failure = error;
    }
    if (this.#shown !== shown) return;
    this.#isAsking = false;
    this.#dueAt = performance.now() + refreshMs;
    if (failure) this.#fail(failure);
    else this.#show(answer);
    this.tick();
  }

  /** @param {DeviceAnswer} answer */
  #show(answer) {
    this.#answer = answer;
    this.#unknown.hidden = this.#problem.hidden = true;
    const signature = JSON.stringify([answer.rooms, answer.metrics.map(({ name }) => name)]);
    const isNew = signature !== this.#signature;
    this.#signature = signature;
    this.#facts.show(answer, this.#now());
    if (isNew) this.#onMetrics(answer);
  }

  /** @param {{status?: number, message: string}} error */
  #fail({ status, message }) {
    if (!this.#answer) this.#onMissing();
    if (status === 404 && !this.#answer) {
      setText(this.#unknownTitle, `There is no device “${this.#device}”`);
      setText(this.#line, "");
      this.#unknown.hidden = false;
      return;
    }
    setText(this.#problem, status ? message : "The gateway does not answer. It is asked again.");
    this.#problem.hidden = false;
  }
}

/**
 * Describes a device: `Online since 12:04:09 · heard 3 s ago · usually every 10 s · in sensors/a`.
 * @param {DeviceAnswer} answer
 * @param {number} lastHeard time of the last live reading; 0: none
 * @param {number} now
 */
export function statusLine(answer, lastHeard, now) {
  const { status, status_since: since, last_seen: seen, interval_ms: interval, rooms, metrics } = answer;
  const words = status === "online" ? "Online" : "Offline";
  return [
    metrics.length === 0 ? "No readings yet" : "",
    status ? `${words} since ${moment(Date.parse(since ?? ""))}` : "Status unknown",
    `last heard ${formatAge(now - Math.max(lastHeard, seen * 1000))}`,
    interval === undefined ? "" : `usually every ${intervalText(interval)}`,
    `in ${rooms.join(", ")}`,
  ].filter(Boolean).join(" · ");
}

/** @param {number} milliseconds */
function intervalText(milliseconds) {
  if (milliseconds < 950) return `${Math.round(milliseconds)} ms`;
  return formatDuration(Math.round(milliseconds / 1_000) * 1_000);
}
