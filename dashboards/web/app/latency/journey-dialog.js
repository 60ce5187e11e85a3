import { session } from "../session/session.js";
import { getJSON } from "../shared/api.js";
import { byID, setText } from "../shared/dom.js";
import { formatMilliseconds, formatTime } from "../shared/format.js";
import { Waterfall } from "./waterfall.js";

/** @typedef {import("./journeys.js").Journey} Journey */
/** @typedef {import("../shared/gateway-types.js").Span} Span */

/**
 * The dialog "Where did the time go": the trace of a point of a chart, or this page's own knowledge when the gateway
 * has no trace.
 */
export class JourneyDialog {
  #dialog = byID("journey", "dialog");
  #point = byID("journey-point", "p");
  #note = byID("journey-note", "p");
  #clock = byID("journey-clock", "p");
  #link = byID("journey-link", "a");
  #waterfall = new Waterfall();
  /**
   * Identity of the latest request; answers to others are dropped.
   * @type {symbol | null}
   */
  #latest = null;

  constructor() {
    byID("journey-waterfall", "div").append(this.#waterfall.root);
    byID("journey-close", "button").addEventListener("click", () => this.close());
    // A click beside the dialog closes it. Its content covers everything but the backdrop.
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.close());
  }

  /**
   * @param {{device: string, time: number, text: string}} point
   * @param {import("./journeys.js").Journey | undefined} journey
   */
  async open(point, journey) {
    const latest = (this.#latest = Symbol("open"));
    setText(this.#point, point.text);
    if (!this.#dialog.open) this.#dialog.showModal();
    if (!journey) {
      return this.#show([], "This page does not know how the reading came: it came before the page was opened, or too "
        + "long ago.", null, "unknown");
    }
    this.#show(ownSpans(journey), journey.traceID ? "Asking the gateway for the trace…" : notTraced, journey, "page");
    if (!journey.traceID) return;
    try {
      /** @type {import("../shared/gateway-types.js").TraceAnswer} */
      const { spans } = await getJSON(`/api/latency/traces/${journey.traceID}`, session.token);
      if (this.#latest !== latest) return;
      const hasPage = spans.some(({ service }) => service === "windsock-browser");
      this.#show(hasPage ? spans : [...spans, ...paintSpan(journey)], hasPage || !journey.paintedAt ? "" : otherPage,
        journey, "trace");
    } catch (error) {
      if (this.#latest !== latest) return;
      const reason = error.status === 404
        ? "The gateway has no trace of this reading: it was not sampled, or it is too long ago."
        : error.status ? `The gateway does not show the trace: ${error.message}` : "The gateway does not answer.";
      this.#show(ownSpans(journey), `${reason} ${pageKnows}`, journey, "page");
    }
  }

  close() {
    this.#latest = null;
    this.#dialog.close();
  }

  /**
   * @param {Span[]} spans
   * @param {string} note
   * @param {Journey | null} journey
   * @param {"unknown" | "page" | "trace"} source
   */
  #show(spans, note, journey, source) {
    this.#dialog.dataset.source = source;
    setText(this.#note, note);
    this.#note.hidden = note === "";
    this.#waterfall.root.hidden = spans.length === 0;
    if (spans.length > 0) this.#waterfall.show(spans);
    setText(this.#clock, journey ? clockText(journey) : "");
    this.#link.hidden = source !== "trace";
    if (journey && source === "trace") this.#link.href = `latency.html?trace=${journey.traceID}`;
  }
}

const pageKnows = "This is what the page itself knows.";
const notTraced = `The reading was not traced. ${pageKnows}`;
const otherPage = "No browser has reported to this trace: the last row is how this page saw it.";

/** @param {Journey} journey */
function clockText({ time, offsetMs, uncertaintyMs }) {
  const uncertainty = uncertaintyMs < Infinity ? `, ±${formatMilliseconds(uncertaintyMs)}` : ", not measured yet";
  return `Measured ${formatTime(time)}. All times are the gateway's; this computer's clock is `
    + `${formatMilliseconds(Math.abs(offsetMs))} ${offsetMs > 0 ? "behind" : "ahead of"} it${uncertainty}.`;
}

/**
 * Makes spans of what the page knows without a trace.
 * @param {Journey} journey
 * @returns {Span[]}
 */
function ownSpans(journey) {
  const { time, sentAt, receivedAt } = journey;
  /**
   * @param {string} name
   * @param {string} service
   * @param {number} from
   * @param {number} to
   * @param {Span["attributes"]} attributes
   */
  const hop = (name, service, from, to, attributes = {}) =>
    ({ span_id: null, parent_span_id: null, name, service, start_ms: from, duration_ms: to - from, attributes });
  return [
    hop("measured → sent by the gateway", "windsock-device", time, sentAt, { "clock.estimated": true }),
    hop("sent → received", "windsock-gateway", sentAt, receivedAt),
    ...paintSpan(journey),
  ];
}

/**
 * @param {Journey} journey
 * @returns {Span[]}
 */
function paintSpan({ receivedAt, paintedAt }) {
  if (paintedAt === null) return [];
  return [{
    span_id: null, parent_span_id: null, name: "received → painted", service: "windsock-browser",
    start_ms: receivedAt, duration_ms: paintedAt - receivedAt, attributes: {},
  }];
}
