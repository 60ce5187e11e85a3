import { getJSON } from "./api.js";
import { element, setData, setText } from "./dom.js";
import { formatMilliseconds, formatTime } from "./format.js";
import { session } from "./session.js";
import { inOrder, shortName, Waterfall } from "./waterfall.js";

/** The slowest recent traces, and the waterfall of the chosen one. The address names it: `?trace=`. */
export class TraceList {
  #list = document.getElementById("traces");
  #empty = document.getElementById("traces-empty");
  #note = document.getElementById("traces-note");
  #detail = document.getElementById("trace");
  #detailNote = document.getElementById("trace-note");
  #problem = document.getElementById("trace-problem");
  #place = document.getElementById("waterfall");
  #waterfall = new Waterfall();
  #chosenID = new URLSearchParams(location.search).get("trace");
  /** Of the trace that is shown, so that it is asked for again when spans were added. */
  #shown = { traceID: null, spanCount: 0 };
  #latest = null;

  constructor() {
    this.#place.append(this.#waterfall.root);
    this.#list.addEventListener("keydown", (event) => this.#move(event));
  }

  /** @param {object[]} traces as `/api/latency` gives them, slowest first @param {number} thresholdMs slow from here */
  show(traces, thresholdMs) {
    setText(this.#note, `slow from ${formatMilliseconds(thresholdMs)}`);
    this.#empty.hidden = traces.length > 0;
    setText(this.#empty, "No trace is kept at the moment");
    this.#chosenID ??= traces[0]?.trace_id ?? null;
    const longest = Math.max(...traces.map(({ duration_ms: duration }) => duration));
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.dataset.traceId : null;
    this.#list.replaceChildren(...traces.map((trace) => this.#row(trace, longest)));
    if (focused) this.#button(focused)?.focus();
    this.#mark();
    const chosen = traces.find(({ trace_id: id }) => id === this.#chosenID);
    const isNew = this.#shown.traceID !== this.#chosenID;
    if (this.#chosenID && (isNew || (chosen && chosen.span_count !== this.#shown.spanCount))) this.#load();
    if (!this.#chosenID) this.#fail("Choose a trace to see where its time went");
  }

  #row(trace, longest) {
    const { trace_id: id, device, time, duration_ms: duration, reason, services } = trace;
    const button = element(
      "button",
      {
        type: "button", className: "trace-entry", dataset: { traceId: id, reason },
        attributes: {
          "aria-label": `${device}, ${formatMilliseconds(duration)}, ${formatTime(time * 1000)}`
            + `${reason === "slow" ? ", slow" : ""}`,
        },
        onclick: () => this.#choose(id),
      },
      element("span", { className: "trace-device" }, device),
      reason === "slow" ? element("span", { className: "trace-reason" }, "slow") : null,
      element("span", { className: "trace-duration" }, formatMilliseconds(duration)),
      element("span", { className: "trace-bar" }),
      element("span", { className: "trace-services" }, inOrder(services).map(shortName).join(" → ")),
      element("time", { className: "trace-time", dateTime: new Date(time * 1000).toISOString() },
        formatTime(time * 1000)));
    button.style.setProperty("--share", duration / longest);
    return element("li", {}, button);
  }

  #choose(id) {
    this.#chosenID = id;
    const address = new URL(location.href);
    address.searchParams.set("trace", id);
    history.replaceState(history.state, "", address);
    this.#mark();
    this.#load();
  }

  /** The arrow keys go through the list. */
  #move(event) {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const buttons = [...this.#list.querySelectorAll("button")];
    const next = by === 0 ? null : buttons[buttons.indexOf(document.activeElement) + by];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  #button(id) {
    return this.#list.querySelector(`[data-trace-id="${CSS.escape(id)}"]`);
  }

  #mark() {
    for (const button of this.#list.querySelectorAll("button")) {
      if (button.dataset.traceId === this.#chosenID) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  async #load() {
    const id = this.#chosenID;
    const latest = (this.#latest = Symbol("load"));
    try {
      const trace = await getJSON(`/api/latency/traces/${encodeURIComponent(id)}`, session.token);
      if (this.#latest === latest) this.#showTrace(trace);
    } catch (error) {
      if (this.#latest !== latest) return;
      // What is shown of a trace stays when it falls out of the gateway's memory.
      if (this.#shown.traceID === id && error.status === 404) return;
      this.#fail(error.status === 404
        ? "The gateway does not have this trace any more. Choose another one."
        : error.status ? error.message : "The gateway does not answer.");
    }
  }

  #showTrace({ trace_id: id, device, room, spans }) {
    this.#shown = { traceID: id, spanCount: spans.length };
    if (spans.length === 0) return this.#fail("The trace has no spans yet");
    this.#problem.hidden = true;
    this.#place.hidden = false;
    setData(this.#detail, "traceId", id);
    setText(this.#detailNote, `${device} in ${room}`);
    this.#waterfall.show(spans);
  }

  #fail(message) {
    this.#shown = { traceID: null, spanCount: 0 };
    setText(this.#problem, message);
    setText(this.#detailNote, "");
    setData(this.#detail, "traceId", null);
    this.#problem.hidden = false;
    this.#place.hidden = true;
  }
}
