import { Backoff } from "./backoff.js";

/** @typedef {import("./clock.js").ClockReading} ClockReading */
/** @typedef {Record<string, string | number | boolean | undefined>} Attributes */
/**
 * A span with times of the local clock.
 * @typedef {object} Span
 * @property {string} traceID
 * @property {string} spanID
 * @property {string} parentID
 * @property {string} name
 * @property {number} kind OpenTelemetry's number of the span kind
 * @property {number} start Unix milliseconds
 * @property {number} end Unix milliseconds
 * @property {ClockReading & {isFinal?: boolean}} clock shared by the spans of a trace
 * @property {Attributes} attributes
 */
/**
 * @typedef {object} ExporterOptions
 * @property {string} url
 * @property {typeof fetch} fetch
 * @property {() => string} token
 * @property {import("./clock.js").GatewayClock} clock
 * @property {() => number} random
 */

const maxQueued = 256;
const maxBatch = 64;
const batchMs = 2_000;
const timeoutMs = 10_000;
/** Statuses that this token cannot overcome. */
const finalStatuses = new Set([401, 403, 404, 413]);
/** OpenTelemetry's list of retryable statuses. */
const temporaryStatuses = new Set([429, 502, 503, 504]);

/**
 * Exports spans to the gateway as OTLP/JSON, in batches and in gateway time.
 *
 * The queue is bounded and drops its oldest spans. A busy gateway gets no request for as long as its `Retry-After`
 * says. After a final status nothing is sent until there is another token.
 */
export class SpanExporter {
  /** @type {Span[]} */
  #queue = [];
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;
  #isBusy = false;
  /**
   * The token that got a final status.
   * @type {string | null}
   */
  #refusedToken = null;
  #backoff;
  #options;

  /** @param {ExporterOptions} options */
  constructor(options) {
    this.#options = options;
    this.#backoff = new Backoff({ baseMs: 1_000, capMs: 60_000, random: options.random });
  }

  /** @param {Span} span */
  add(span) {
    if (this.#refusedToken === this.#options.token()) return;
    this.#queue.push(span);
    if (this.#queue.length > maxQueued) this.#queue.shift();
    if (this.#isBusy) return;
    if (this.#queue.length >= maxBatch) this.#send();
    else this.#sendLater();
  }

  /** Sends the rest of the queue in a request that outlives the page. */
  leave() {
    this.#cancelTimer();
    this.#isBusy = false;
    const batch = this.#queue.slice(-maxBatch);
    this.#queue = [];
    // Before the first round trip the times mean nothing to others.
    if (batch.length > 0 && this.#options.clock.value.uncertaintyMs < Infinity) this.#post(batch, true).catch(() => {});
  }

  async #send() {
    this.#cancelTimer();
    if (this.#queue.length === 0) return;
    if (!this.#options.clock.isSettled) return this.#wait(batchMs);
    this.#isBusy = true;
    const batch = this.#queue.splice(0, maxBatch);
    const token = this.#options.token();
    const response = await this.#post(batch, false).catch(() => null);
    if (response && finalStatuses.has(response.status)) {
      this.#refusedToken = token;
      this.#queue = [];
    } else if (!response || temporaryStatuses.has(response.status)) {
      this.#queue = [...batch, ...this.#queue].slice(-maxQueued);
      const asked = Number(response?.headers.get("Retry-After")) || 0;
      return this.#wait(Math.max(asked * 1000, this.#backoff.next()));
    } else {
      this.#backoff.reset();
    }
    this.#isBusy = false;
    if (this.#queue.length >= maxBatch) this.#send();
    else if (this.#queue.length > 0) this.#sendLater();
  }

  #sendLater() {
    this.#timer ??= setTimeout(() => this.#send(), batchMs);
  }

  /** @param {number} milliseconds */
  #wait(milliseconds) {
    this.#isBusy = true;
    this.#timer = setTimeout(() => this.#send(), milliseconds);
  }

  #cancelTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /**
   * @param {Span[]} batch
   * @param {boolean} keepalive
   */
  #post(batch, keepalive) {
    const { fetch, url, token } = this.#options;
    // TypeScript 4.8 does not know `timeout`.
    const signal = /** @type {any} */ (AbortSignal).timeout(timeoutMs);
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token()}` };
    return fetch(url, { method: "POST", headers, body: JSON.stringify(this.#request(batch)), keepalive, signal });
  }

  /**
   * Encodes `ExportTraceServiceRequest` of opentelemetry-proto as JSON: ids in hexadecimal, nanoseconds as text.
   * @param {Span[]} batch
   */
  #request(batch) {
    const resource = { attributes: attributeList({ "service.name": "windsock-browser" }) };
    const spans = batch.map((span) => this.#encode(span));
    return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "windsock-client" }, spans }] }] };
  }

  /** @param {Span} span */
  #encode({ traceID, spanID, parentID, name, kind, start, end, clock, attributes }) {
    const { offsetMs, uncertaintyMs } = this.#settle(clock);
    return {
      traceId: traceID, spanId: spanID, parentSpanId: parentID, name, kind,
      startTimeUnixNano: nanoseconds(start + offsetMs), endTimeUnixNano: nanoseconds(end + offsetMs),
      attributes: attributeList({
        ...attributes, "clock.offset_ms": offsetMs, "clock.uncertainty_ms": uncertaintyMs,
      }),
    };
  }

  /**
   * Fixes the clock reading of a trace, so that all its spans are corrected alike: the reading at its arrival, or a
   * better one since then.
   * @param {Span["clock"]} clock
   */
  #settle(clock) {
    const { value } = this.#options.clock;
    if (!clock.isFinal && value.uncertaintyMs < clock.uncertaintyMs) Object.assign(clock, value);
    clock.isFinal = true;
    return clock;
  }
}

/**
 * OTLP's names of the value types.
 * @type {Record<string, string>}
 */
const valueKeys = { string: "stringValue", number: "doubleValue", boolean: "boolValue" };

/** @param {Attributes} attributes */
function attributeList(attributes) {
  return Object.entries(attributes)
    .filter(([, value]) => typeof value in valueKeys)
    .map(([key, value]) => ({ key, value: { [valueKeys[typeof value]]: value } }));
}

/**
 * Rounds to whole microseconds, which is the clock's resolution and exact in a double.
 * @param {number} milliseconds
 */
function nanoseconds(milliseconds) {
  return `${Math.round(milliseconds * 1000)}000`;
}
