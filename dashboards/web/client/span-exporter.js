import { Backoff } from "./backoff.js";

const maxQueued = 256;
const maxBatch = 64;
const batchMs = 2_000;
const timeoutMs = 10_000;
/** Asking again with this token would change nothing. */
const finalStatuses = new Set([401, 403, 404, 413]);
/** OpenTelemetry's list of what may be sent again. */
const temporaryStatuses = new Set([429, 502, 503, 504]);

/**
 * Sends spans to the gateway as OTLP/JSON, in batches and in gateway time.
 *
 * The queue is bounded and loses its oldest, a busy gateway is left alone for as long as it asks, and one that says no
 * is not asked again until there is another token.
 */
export class SpanExporter {
  #queue = [];
  #timer = null;
  #isBusy = false;
  /** The token with which it is of no use. */
  #refusedToken = null;
  #backoff;
  #options;

  /** @param {{url: string, fetch: typeof fetch, token: () => string, clock: object, random: () => number}} options */
  constructor(options) {
    this.#options = options;
    this.#backoff = new Backoff({ baseMs: 1_000, capMs: 60_000, random: options.random });
  }

  /** @param {object} span times by our clock; `clock` is its offset to the gateway's, shared by a trace's spans */
  add(span) {
    if (this.#refusedToken === this.#options.token()) return;
    this.#queue.push(span);
    if (this.#queue.length > maxQueued) this.#queue.shift();
    if (this.#isBusy) return;
    if (this.#queue.length >= maxBatch) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), batchMs);
  }

  /** Sends what there is in a request that outlives the page. */
  leave() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#isBusy = false;
    const batch = this.#queue.slice(-maxBatch);
    this.#queue = [];
    // Without any round trip times mean nothing to others.
    if (batch.length > 0 && this.#options.clock.value.uncertaintyMs < Infinity) this.#post(batch, true).catch(() => {});
  }

  async #send() {
    clearTimeout(this.#timer);
    this.#timer = null;
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
    else if (this.#queue.length > 0) this.#timer ??= setTimeout(() => this.#send(), batchMs);
  }

  #wait(milliseconds) {
    this.#isBusy = true;
    this.#timer = setTimeout(() => this.#send(), milliseconds);
  }

  #post(batch, keepalive) {
    const { fetch, url, token } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token()}` };
    return fetch(url, { method: "POST", headers, body: JSON.stringify(this.#request(batch)), keepalive, signal });
  }

  /** `ExportTraceServiceRequest` of opentelemetry-proto, in its JSON form: ids in hexadecimal, nanoseconds as text. */
  #request(batch) {
    const resource = { attributes: attributeList({ "service.name": "windsock-browser" }) };
    const spans = batch.map((span) => this.#encode(span));
    return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "windsock-client" }, spans }] }] };
  }

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

  /** A trace's spans are corrected alike: by what was known when it came, or what is better since. */
  #settle(clock) {
    const { value } = this.#options.clock;
    if (!clock.isFinal && value.uncertaintyMs < clock.uncertaintyMs) Object.assign(clock, value);
    clock.isFinal = true;
    return clock;
  }
}

function attributeList(attributes) {
  const types = { string: "stringValue", number: "doubleValue", boolean: "boolValue" };
  return Object.entries(attributes)
    .filter(([, value]) => typeof value in types)
    .map(([key, value]) => ({ key, value: { [types[typeof value]]: value } }));
}

/** Whole microseconds: as fine as the clock, and exact in a double. */
function nanoseconds(milliseconds) {
  return `${Math.round(milliseconds * 1000)}000`;
}
