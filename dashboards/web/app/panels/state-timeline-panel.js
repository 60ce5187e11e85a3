import { timeTicks } from "../charts/axis.js";
import { stateSegments } from "../charts/state-segments.js";
import { clearCanvas, element, setData, setText } from "../shared/dom.js";
import { formatDuration, formatMoment, formatNumber, formatTime, unitSuffix } from "../shared/format.js";
import { Panel } from "./panel.js";

/** Width that a time below the strips needs. */
const tickPixels = 70;
/** Transparent, so that the words are legible on every colour. */
const opacity = 0.42;

/** @typedef {import("../series/series-store.js").Series} Series */
/** @typedef {import("../charts/state-segments.js").Segment} Segment */
/**
 * @typedef {{series: Series, root: HTMLElement, canvas: HTMLCanvasElement, now: HTMLElement,
 *   segments: Segment[]}} Strip
 */

/** Strips that show which state each device was in over time. */
export class StateTimelinePanel extends Panel {
  /** @type {Strip[]} */
  #strips = [];
  #list = element("ul", { className: "strips" });
  #times = element("canvas", { className: "strip-times" });
  #timesRow = element(
    "li", { className: "strip", attributes: { "aria-hidden": "true" } },
    element("span"), this.#times, element("span"));
  #readout = element("span", { className: "legend-time" });
  #observer;
  #view;

  /**
   * @param {import("./panel.js").PanelDefinition} definition
   * @param {import("./panel.js").PanelContext} context
   */
  constructor(definition, context) {
    super(definition, context);
    this.#view = this.view([]);
    this.note = element("span", { className: "panel-note panel-window" });
    this.tools.append(this.note);
    const words = new Map((definition.states ?? []).map(({ value, text }) => [text, value]));
    const legend = element("div", { className: "legend" },
      ...[...words].map(([text, value]) => element("span", { className: "legend-entry" },
        element("span", { className: "legend-swatch", dataset: { color: this.#colorIndex(value) + 1 } }), text)),
      this.#readout);
    this.body.append(legend, this.#list);
    this.#observer = new ResizeObserver(() => context.loop.mark(this, { now: true }));
    this.#observer.observe(this.#times);
    this.#list.addEventListener("pointermove", (event) => this.#point(event));
    this.#list.addEventListener("pointerleave", () => setText(this.#readout, ""));
  }

  get columns() {
    return this.#times.clientWidth;
  }

  draw() {
    setText(this.note, formatDuration(this.windowMs));
    if (this.refreshSeries()) this.#build();
    this.#view = this.view(this.series);
    for (const strip of this.#strips) {
      const breakMs = this.breakMs(strip.series, this.windowMs / 64);
      strip.segments = stateSegments(strip.series.track, { ...this.#view, breakMs });
      this.#update(strip);
    }
    this.#drawTimes();
  }

  #build() {
    this.#strips = this.series.map((series) => {
      const strip = {
        series, segments: [], now: element("span", { className: "strip-now" }),
        canvas: element("canvas", { className: "strip-canvas", attributes: { role: "img" } }),
        root: element("li", {
          className: "strip", dataset: { testid: "strip", device: series.device, metric: series.metric },
        }),
      };
      strip.root.append(
        element("span", { className: "strip-label", textContent: this.label(series) }), strip.canvas, strip.now);
      return strip;
    });
    this.#list.replaceChildren(...this.#strips.map(({ root }) => root), this.#timesRow);
  }

  /** @param {Strip} strip */
  #update(strip) {
    const { series, root, canvas, now, segments } = strip;
    const isStale = this.isStale(series);
    const current = Number.isFinite(series.value) ? this.#word(series, series.value) : "–";
    setText(now, current);
    setData(root, "value", series.value);
    setData(root, "stale", isStale);
    setData(root, "segments", segments.length);
    const shown = segments.slice(-1)[0];
    const changes = Math.max(0, segments.length - 1);
    const spoken = `${this.label(series)}: now ${current}${isStale ? ", stale" : ""}; `
      + `${shown ? `${changes} ${changes === 1 ? "change" : "changes"}` : "no readings"} in the shown time`;
    if (canvas.getAttribute("aria-label") !== spoken) canvas.setAttribute("aria-label", spoken);
    this.#drawStrip(strip);
  }

  /** @param {Strip} strip */
  #drawStrip({ series, canvas, segments }) {
    const sized = clearCanvas(canvas);
    if (!sized) return;
    const { context, width, height } = sized;
    const { palette } = this.context;
    context.font = `11px ${palette.font}`;
    context.textBaseline = "middle";
    for (const { from, to, low, high } of segments) {
      const [left, right] = [this.#left(from, width), this.#left(to, width)];
      const middle = low === high ? height : height / 2;
      context.globalAlpha = opacity;
      context.fillStyle = this.#color(high);
      context.fillRect(left, 0, Math.max(1, right - left), middle);
      context.fillStyle = this.#color(low);
      if (low !== high) context.fillRect(left, middle, Math.max(1, right - left), height - middle);
      context.globalAlpha = 1;
      const word = this.#word(series, low);
      if (low !== high || context.measureText(word).width + 10 > right - left) continue;
      context.fillStyle = palette.ink;
      context.fillText(word, left + 5, height / 2 + 0.5);
    }
  }

  /** Draws the times below the strips, which have the same width. */
  #drawTimes() {
    const sized = clearCanvas(this.#times);
    if (!sized) return;
    const { context, width, height } = sized;
    const { from, to } = this.#view;
    const { step, ticks } = timeTicks(from, to, Math.max(1, Math.floor(width / tickPixels)));
    context.font = `11px ${this.context.palette.font}`;
    context.fillStyle = this.context.palette.axis;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const tick of ticks) {
      const left = this.#left(tick, width);
      if (left > 20 && left < width - 20) context.fillText(formatTime(tick, step), left, height / 2);
    }
  }

  /**
   * @param {number} time
   * @param {number} width
   */
  #left(time, width) {
    return ((time - this.#view.from) / (this.#view.to - this.#view.from)) * width;
  }

  /**
   * Shows the state under the pointer.
   * @param {PointerEvent} event
   */
  #point({ target, clientX }) {
    const strip = this.#strips.find(({ canvas }) => canvas === target);
    if (!strip) return setText(this.#readout, "");
    const { left, width } = strip.canvas.getBoundingClientRect();
    const { from, to } = this.#view;
    const time = from + ((clientX - left) / width) * (to - from);
    const segment = strip.segments.find((segment) => segment.from <= time && time < segment.to);
    const words = segment && [...new Set([segment.low, segment.high])].map((value) => this.#word(strip.series, value));
    setText(this.#readout, `${words?.join(" and ") ?? "no reading"}, ${formatMoment(time, this.windowMs)}`);
  }

  /**
   * @param {Series} series
   * @param {number} value
   */
  #word(series, value) {
    return this.stateText(series.metric, value)
      ?? `${formatNumber(value, this.definition.decimals)}${unitSuffix(this.unit(series))}`;
  }

  /** @param {number} value */
  #color(value) {
    const index = this.#colorIndex(value);
    return index < 0 ? this.context.palette.axis : this.context.palette.series[index];
  }

  /**
   * Returns the index of a value's colour, by the order of the states' words; −1 for a value without a word.
   * @param {number} value
   */
  #colorIndex(value) {
    const states = this.definition.states ?? [];
    const text = states.find((state) => state.value === value)?.text;
    if (text === undefined) return -1;
    return [...new Set(states.map((state) => state.text))].indexOf(text) % this.context.palette.series.length;
  }

  destroy() {
    this.#observer.disconnect();
  }
}
