import { afterPaint } from "./after-paint.js";
import { SpanExporter } from "./span-exporter.js";

/** version-trace-parent-flags (W3C Trace Context, section 3.2) */
const traceparentForm = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;
/** OpenTelemetry's numbers of span kinds. */
const kinds = { internal: 1, consumer: 5 };
/** Messages that wait for their frame; more are told as unpainted. */
const maxPending = 256;

/**
 * The browser's part of a message's trace.
 *
 *     gateway's websocket.send ──▶ websocket.receive ──▶ dashboard.paint
 *                                  arrived … handed on   handed on … on the screen
 *
 * Only messages with the flag "sampled" are reported: the gateway sets it for the few recipients that it chose.
 */
export class BrowserTraces {
  #now;
  #clock;
  #exporter;
  /** Messages that were handed on. @type {WeakMap<object, object>} */
  #received = new WeakMap();
  /** Messages that wait for their frame. @type {Set<object>} */
  #pending = new Set();
  #stopListening = () => {};

  /** `now` and `clock` of the client; the rest is SpanExporter's. */
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
   * Reports that a message (an envelope) came at `arrivedAt`; called right before it is handed on.
   */
  received(message, arrivedAt) {
    const [, traceID, parentID, flags] = traceparentForm.exec(message.traceparent) ?? [];
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
   * Reports that a message is on the screen, once a message: since `at`, or by the next animation frame.
   */
  painted(message, at) {
    if (at !== undefined) return this.#finish(message, at, true);
    if (!this.#received.has(message) || this.#pending.has(message)) return;
    const isShown = globalThis.requestAnimationFrame && globalThis.document?.visibilityState !== "hidden";
    if (!isShown || this.#pending.size >= maxPending) return this.unpainted(message);
    this.#pending.add(message);
    afterPaint(() => this.#pending.delete(message) && this.#finish(message, this.#now(), true));
  }

  /** Reports that a message was taken, but nobody sees it. */
  unpainted(message) {
    this.#finish(message, this.#now(), false);
  }

  /** Sends what is left while the page goes. */
  leave() {
    this.#giveUpPending();
    this.#exporter.leave();
  }

  /** Ends for good. */
  close() {
    this.leave();
    this.#stopListening();
  }

  #giveUpPending() {
    for (const message of this.#pending) this.unpainted(message);
    this.#pending.clear();
  }

  #finish(message, at, isPainted) {
    const trace = this.#received.get(message);
    if (!trace || !this.#received.delete(message)) return;
    const end = Math.max(at, trace.handedAt);
    this.#report(trace, randomID(), trace.spanID, "dashboard.paint", kinds.internal, trace.handedAt, end, {
      "windsock.painted": isPainted,
    });
  }

  #report({ traceID, device, clock }, spanID, parentID, name, kind, start, end, attributes) {
    const more = { ...attributes, "windsock.device": device };
    this.#exporter.add({ traceID, spanID, parentID, name, kind, start, end, clock, attributes: more });
  }
}

/** Eight random bytes, as a span's id. */
function randomID() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
