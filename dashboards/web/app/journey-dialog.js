import { getJSON } from "./api.js";
import { setText } from "./dom.js";
import { formatMilliseconds, formatTime } from "./format.js";
import { session } from "./session.js";
import { Waterfall } from "./waterfall.js";

/**
 * "Where did the time go": the trace of one point of a chart, or, when the gateway has none, what this page knows.
 */
export class JourneyDialog {
  #dialog = document.getElementById("journey");
  #point = document.getElementById("journey-point");
  #note = document.getElementById("journey-note");
  #clock = document.getElementById("journey-clock");
  #link = document.getElementById("journey-link");
  #waterfall = new Waterfall();
  /** Which of several questions counts. */
  #latest = null;

  constructor() {
    document.getElementById("journey-waterfall").append(this.#waterfall.root);
    document.getElementById("journey-close").addEventListener("click", () => this.close());
    // A click beside it: the dialog's own content covers all of it but the backdrop.
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

  #show(spans, note, journey, source) {
    this.#dialog.dataset.source = source;
    setText(this.#note, note);
    this.#note.hidden = note === "";
    this.#waterfall.root.hidden = spans.length === 0;
    if (spans.length > 0) this.#waterfall.show(spans);
    setText(this.#clock, journey ? clockText(journey) : "");
    this.#link.hidden = source !== "trace";
    if (source === "trace") this.#link.href = `latency.html?trace=${journey.traceID}`;
  }
}

const pageKnows = "This is what the page itself knows.";
const notTraced = `The reading was not traced. ${pageKnows}`;
const otherPage = "No browser has reported to this trace: the last row is how this page saw it.";

function clockText({ time, offsetMs, uncertaintyMs }) {
  const uncertainty = uncertaintyMs < Infinity ? `, ±${formatMilliseconds(uncertaintyMs)}` : ", not measured yet";
  return `Measured ${formatTime(time)}. All times are the gateway's; this computer's clock is `
    + `${formatMilliseconds(Math.abs(offsetMs))} ${offsetMs > 0 ? "behind" : "ahead of"} it${uncertainty}.`;
}

/** The three hops that need no trace. */
function ownSpans(journey) {
  const { time, sentAt, receivedAt } = journey;
  const hop = (name, service, from, to, attributes = {}) =>
    ({ span_id: null, parent_span_id: null, name, service, start_ms: from, duration_ms: to - from, attributes });
  return [
    hop("measured → sent by the gateway", "windsock-device", time, sentAt, { "clock.estimated": true }),
    hop("sent → received", "windsock-gateway", sentAt, receivedAt),
    ...paintSpan(journey),
  ];
}

function paintSpan({ receivedAt, paintedAt }) {
  if (paintedAt === null) return [];
  return [{
    span_id: null, parent_span_id: null, name: "received → painted", service: "windsock-browser",
    start_ms: receivedAt, duration_ms: paintedAt - receivedAt, attributes: {},
  }];
}
