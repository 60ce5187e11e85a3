import { SpanExporter } from "./span-exporter.js";

/** @typedef {import("../windsock-client.js").Envelope} Envelope */
/** @typedef {import("./span-exporter.js").Attributes} Attributes */
/**
 * The trace of a message, from its arrival on.
 * @typedef {object} Trace
 * @property {string} traceID
 * @property {string} spanID of `websocket.receive`
 * @property {string | undefined} device
 * @property {import("./clock.js").ClockReading} clock
 * @property {number} handedAt when the message was passed to the listeners
 */

/** version-trace-parent-flags (W3C Trace Context, section 3.2) */
const traceparentForm = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;
/** OpenTelemetry's numbers of the span kinds. */
const kinds = { internal: 1, consumer: 5 };
/** Messages that may await their frame. More are reported as unpainted. */
const maxPending = 256;

/**
 * Reports the browser's spans of a message's trace.
 *
 *     gateway's websocket.send ──▶ websocket.receive ──▶ dashboard.paint
 *                                  arrived … handed on   handed on … on the screen
 *
 * Only messages with the flag "sampled" are reported. The gateway sets it for the few recipients that it chose.
 */
export class BrowserTraces {
  #now;
  #clock;
  #exporter;
  /**
   * Traces of messages that were handed on.
   * @type {WeakMap<Envelope, Trace>}
   */
  #received = new WeakMap();
  /**
   * Messages that await their frame.
   * @type {Set<Envelope>}
   */
  #pending = new Set();
  #stopListening = () => {};

  /** @param {{now: () => number} & import("./span-exporter.js").ExporterOptions} options */
  constructor({ now, clock, ...connection }) {
    this.#now = now;
    this.#clock = clock;
    this.#exporter = new SpanExporter({ clock, ...connection });
    const page = globalThis.document;
    if (!page) return;
    // A hidden page gets no frames.
    const hide = () => page.visibilityState === "hidden" && this.#giveUpPending();
    page.addEventListener("visibilitychange", hide);
    this.#stopListening = () => page.removeEventListener("visibilitychange", hide);
  }

  /**
   * Reports a message's arrival. Call it right before the message is handed on.
   * @param {Envelope} message
   * @param {number} arrivedAt
   */
  received(message, arrivedAt) {
    const [, traceID, parentID, flags] = traceparentForm.exec(message.traceparent ?? "") ?? [];
    if (!traceID || (parseInt(flags, 16) & 1) === 0) return;
    const { room_id: room, device } = message.payload;
    const trace = { traceID, spanID: randomID(), device, clock: this.#clock.value, handedAt: this.#now() };
    this.#received.set(message, trace);
    this.#report(trace, trace.spanID, parentID, "websocket.receive", kinds.consumer, arrivedAt, trace.handedAt, {
      "messaging.system": "websocket", "messaging.operation.type": "receive", "messaging.destination.name": room,
      "windsock.message.type": message.type,
    });
  }

  /**
   * Reports once that a message is on the screen.
   * @param {Envelope} message
   * @param {number} [at] time of the paint; without it, the next animation frame
   */
  painted(message, at) {
    if (at !== undefined) return this.#finish(message, at, true);
    if (!this.#received.has(message) || this.#pending.has(message)) return;
    const isShown = "requestAnimationFrame" in globalThis && globalThis.document?.visibilityState !== "hidden";
    if (!isShown || this.#pending.size >= maxPending) return this.unpainted(message);
    this.#pending.add(message);
    afterPaint(() => this.#pending.delete(message) && this.#finish(message, this.#now(), true));
  }

  /**
   * Reports that a message was handled, but is not on the screen.
   * @param {Envelope} message
   */
  unpainted(message) {
    this.#finish(message, this.#now(), false);
  }

  /** Sends what is left, because the page is being left. */
  leave() {
    this.#giveUpPending();
    this.#exporter.leave();
  }

  close() {
    this.leave();
    this.#stopListening();
  }

  #giveUpPending() {
    for (const message of this.#pending) this.unpainted(message);
    this.#pending.clear();
  }

  /**
   * @param {Envelope} message
   * @param {number} at
   * @param {boolean} isPainted
   */
  #finish(message, at, isPainted) {
    const trace = this.#received.get(message);
    if (!trace || !this.#received.delete(message)) return;
    const end = Math.max(at, trace.handedAt);
    this.#report(trace, randomID(), trace.spanID, "dashboard.paint", kinds.internal, trace.handedAt, end, {
      "windsock.painted": isPainted,
    });
  }

  /**
   * @param {Trace} trace
   * @param {string} spanID
   * @param {string} parentID
   * @param {string} name
   * @param {number} kind
   * @param {number} start
   * @param {number} end
   * @param {Attributes} attributes
   */
  #report({ traceID, device, clock }, spanID, parentID, name, kind, start, end, attributes) {
    const all = { ...attributes, "windsock.device": device };
    this.#exporter.add({ traceID, spanID, parentID, name, kind, start, end, clock, attributes: all });
  }
}

/**
 * Calls back after the browser has painted.
 *
 * The callbacks of an animation frame run before layout and paint. A message that one of them posts arrives after both.
 * @param {() => void} callback
 * @param {{inFrame?: boolean}} options `inFrame`: the caller is an animation frame's callback and has drawn
 */
export function afterPaint(callback, { inFrame = false } = {}) {
  const post = () => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      callback();
    };
    port2.postMessage(null);
  };
  if (inFrame) post();
  else requestAnimationFrame(post);
}

/** Returns eight random bytes as a span id. */
function randomID() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
