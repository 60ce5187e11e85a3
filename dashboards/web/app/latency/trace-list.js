import { session } from "../session/session.js";
import { getJSON } from "../shared/api.js";
import { byID, element, setData, setText } from "../shared/dom.js";
import { formatMilliseconds, formatTime } from "../shared/format.js";
import { deviceLink } from "../shared/places.js";
import { inOrder, shortName, Waterfall } from "./waterfall.js";

/** @typedef {import("../shared/gateway-types.js").TraceSummary} TraceSummary */

/** The slowest recent traces, and the waterfall of the selected one. The URL names it: `?trace=`. */
export class TraceList {
  #list = byID("traces", "ol");
  #empty = byID("traces-empty", "p");
  #note = byID("traces-note", "span");
  #detail = byID("trace", "section");
  #detailNote = byID("trace-note", "span");
  #problem = byID("trace-problem", "p");
  #place = byID("waterfall", "div");
  #waterfall = new Waterfall();
  #chosenID = new URLSearchParams(location.search).get("trace");
  /**
   * The shown trace, which is requested again when spans were added.
   * @type {{traceID: string | null, spanCount: number}}
   */
  #shown = { traceID: null, spanCount: 0 };
  /**
   * Identity of the latest request; answers to others are dropped.
   * @type {symbol | null}
   */
  #latest = null;

  constructor() {
    this.#place.append(this.#waterfall.root);
    this.#list.addEventListener("keydown", (event) => this.#move(event));
  }

  /**
   * @param {TraceSummary[]} traces slowest first
   * @param {number} thresholdMs traces from this duration on are slow
   */
  show(traces, thresholdMs) {
    setText(this.#note, `slow from ${formatMilliseconds(thresholdMs)}`);
    this.#empty.hidden = traces.length > 0;
    setText(this.#empty, "No trace is kept at the moment");
    this.#chosenID ??= traces[0]?.trace_id ?? null;
    const longest = Math.max(...traces.map(({ duration_ms: duration }) => duration));
    const { activeElement } = document;
    const focused = activeElement instanceof HTMLElement && this.#list.contains(activeElement)
      ? activeElement.dataset.traceId : undefined;
    this.#list.replaceChildren(...traces.map((trace) => this.#row(trace, longest)));
    if (focused) this.#button(focused)?.focus();
    this.#mark();
    const chosen = traces.find(({ trace_id: id }) => id === this.#chosenID);
    const isNew = this.#shown.traceID !== this.#chosenID;
    if (this.#chosenID && (isNew || (chosen && chosen.span_count !== this.#shown.spanCount))) this.#load();
    if (!this.#chosenID) this.#fail("Choose a trace to see where its time went");
  }

  /**
   * @param {TraceSummary} trace
   * @param {number} longest
   */
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
    button.style.setProperty("--share", String(duration / longest));
    return element("li", {}, button);
  }

  /** @param {string} id */
  #choose(id) {
    this.#chosenID = id;
    const address = new URL(location.href);
    address.searchParams.set("trace", id);
    history.replaceState(history.state, "", address);
    this.#mark();
    this.#load();
  }

  /**
   * Moves the focus with the arrow keys.
   * @param {KeyboardEvent} event
   */
  #move(event) {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const buttons = [...this.#list.querySelectorAll("button")];
    const focused = buttons.findIndex((button) => button === document.activeElement);
    const next = by === 0 ? undefined : buttons[focused + by];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  /**
   * @param {string} id
   * @returns {HTMLButtonElement | null}
   */
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
    if (id === null) return;
    const latest = (this.#latest = Symbol("load"));
    try {
      const trace = await getJSON(`/api/latency/traces/${encodeURIComponent(id)}`, session.token);
      if (this.#latest === latest) this.#showTrace(trace);
    } catch (error) {
      if (this.#latest !== latest) return;
      // The shown trace stays when the gateway has forgotten it.
      if (this.#shown.traceID === id && error.status === 404) return;
      this.#fail(error.status === 404
        ? "The gateway does not have this trace any more. Choose another one."
        : error.status ? error.message : "The gateway does not answer.");
    }
  }

  /** @param {import("../shared/gateway-types.js").TraceAnswer} trace */
  #showTrace({ trace_id: id, device, room, spans }) {
    this.#shown = { traceID: id, spanCount: spans.length };
    if (spans.length === 0) return this.#fail("The trace has no spans yet");
    this.#problem.hidden = true;
    this.#place.hidden = false;
    setData(this.#detail, "traceId", id);
    this.#detailNote.replaceChildren(deviceLink(device), ` in ${room}`);
    this.#waterfall.show(spans);
  }

  /** @param {string} message */
  #fail(message) {
    this.#shown = { traceID: null, spanCount: 0 };
    setText(this.#problem, message);
    setText(this.#detailNote, "");
    setData(this.#detail, "traceId", null);
    this.#problem.hidden = false;
    this.#place.hidden = true;
  }
}
