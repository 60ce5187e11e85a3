import { LineChart, loadChartLibrary } from "../charts/line-chart.js";
import { Polyline } from "../charts/polyline.js";
import { PointBuffer } from "../series/point-buffer.js";
import { element, setData, setText } from "../shared/dom.js";
import { formatMilliseconds, formatTime } from "../shared/format.js";

/**
 * Hops in the order of a reading's way.
 * @type {string[]}
 */
export const hopNames = ["device", "process", "commit", "fan_out", "network", "paint", "end_to_end"];
/**
 * Heading and description of each hop.
 * @type {Record<string, [title: string, description: string]>}
 */
const descriptions = {
  device: ["Device → gateway", "published, until the gateway had it"],
  process: ["In the gateway", "received, until it was decoded"],
  commit: ["Stored", "until its transaction was committed"],
  fan_out: ["Fan-out", "until it was written to the client's socket"],
  network: ["Gateway → browser", "until the browser had it"],
  paint: ["Browser → screen", "until the chart was painted"],
  end_to_end: ["Device → screen", "the whole way"],
};
/**
 * The percentiles of a hop and the colours of their lines. The most important is last, so that it lies on top.
 * @type {{key: "p50_ms" | "p90_ms" | "p99_ms", label: string, color: number}[]}
 */
const lines = [
  { key: "p99_ms", label: "p99", color: 1 },
  { key: "p90_ms", label: "p90", color: 4 },
  { key: "p50_ms", label: "p50", color: 0 },
];
const maxPoints = 8_192;

/** @typedef {import("../shared/gateway-types.js").Hop} Hop */

/** A hop over time: a chart with p50, p90 and p99. */
export class HopPanel {
  #palette;
  /** @type {LineChart | null} */
  #chart = null;
  /** @type {Hop | null} */
  #hop = null;
  #view = { from: 0, to: 1 };
  #breakMs = 0;
  /** @type {number | null} */
  #hoverTime = null;
  #polylines = lines.map(() => new Polyline());
  /** @type {PointBuffer[]} */
  #buffers = [];

  /**
   * @param {string} hop one of `hopNames`
   * @param {import("../shared/palette.js").Palette} palette
   */
  constructor(hop, palette) {
    this.hop = hop;
    this.#palette = palette;
    const [title, description] = descriptions[hop];
    this.title = title;
    this.canvas = element("canvas", { attributes: { role: "img", "aria-label": `${title}, over time` } });
    this.plot = element("div", { className: "chart-plot" }, this.canvas);
    this.waiting = element("p", { className: "panel-waiting" }, "Nothing measured yet");
    this.figures = new Map(
      [...lines].reverse().map(({ key }) => [key, element("span", { className: "legend-value" })]));
    this.time = element("span", { className: "legend-time" });
    this.legend = element("div", { className: "legend" }, ...[...lines].reverse().map(({ key, label, color }) =>
      element("span", { className: "legend-entry" },
        element("span", { className: "legend-swatch", dataset: { color: color + 1 } }),
        element("span", { className: "legend-label" }, label), this.figures.get(key))), this.time);
    this.root = element("section", { className: "panel", dataset: { hop, state: "waiting" } },
      element("header", { className: "panel-head" },
        element("h2", { className: "panel-title" }, title),
        element("span", { className: "panel-note" }, description)),
      this.legend, this.plot, this.waiting);
    this.plot.addEventListener("pointermove", (event) => this.#point(event));
    this.plot.addEventListener("pointerleave", () => this.#point(null));
    new ResizeObserver(() => this.#resize()).observe(this.plot);
    this.#load();
  }

  /**
   * @param {Hop | undefined} hop
   * @param {number} intervalMs of its series
   * @param {{from: number, to: number}} view Unix milliseconds
   */
  show(hop, intervalMs, view) {
    const isWaiting = !hop || hop.count === 0;
    this.root.dataset.state = isWaiting ? "waiting" : "live";
    this.waiting.hidden = !isWaiting;
    this.plot.hidden = this.legend.hidden = isWaiting;
    this.#hop = isWaiting ? null : hop;
    if (isWaiting) return;
    this.#view = view;
    this.#breakMs = intervalMs * 6;
    this.#buffers = lines.map(({ key }) => {
      const points = new PointBuffer(maxPoints);
      for (const point of hop.series) points.add(point.time * 1000, point[key], -Infinity);
      return points;
    });
    this.canvas.setAttribute("aria-label", `${this.title}, over time: p50 ${formatMilliseconds(hop.p50_ms)}, `
      + `p90 ${formatMilliseconds(hop.p90_ms)}, p99 ${formatMilliseconds(hop.p99_ms)}.`);
    setData(this.root, "points", hop.series.length);
    this.#draw();
  }

  restyle() {
    this.#chart?.restyle();
    this.#draw();
  }

  async #load() {
    try {
      const Chart = await loadChartLibrary();
      this.#chart = new LineChart(Chart, this.canvas, this.#palette, { min: 0, decimals: 2 });
      this.#resize();
    } catch (error) {
      // The legend and the table have the same figures.
      console.error("There are no charts, because the chart library could not be loaded.", error);
      this.plot.remove();
    }
  }

  #draw() {
    if (!this.#hop) return;
    const at = this.#hoverTime === null ? null : nearest(this.#hop.series, this.#hoverTime / 1000);
    const figures = at ?? this.#hop;
    for (const { key } of lines) {
      const node = this.figures.get(key);
      if (node) setText(node, formatMilliseconds(figures[key]));
    }
    setText(this.time, at ? formatTime(at.time * 1000) : "");
    if (!this.#chart) return;
    for (const [index, polyline] of this.#polylines.entries()) {
      polyline.take(this.#buffers[index], { ...this.#view, columns: this.#chart.columns, breakMs: this.#breakMs });
    }
    this.#chart.draw(this.#view, lines.map(({ color }, index) => ({
      line: this.#polylines[index], color: this.#palette.series[color], width: index === lines.length - 1 ? 2 : 1.5,
      hasEnd: false,
    })), at ? at.time * 1000 : null);
  }

  /** @param {PointerEvent | null} event null: the pointer has left */
  #point(event) {
    const bounds = this.canvas.getBoundingClientRect();
    const place = event && this.#chart?.at(event.clientX - bounds.left, event.clientY - bounds.top);
    this.#hoverTime = place ? place.time : null;
    this.#draw();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.plot;
    if (!this.#chart || clientWidth === 0 || clientHeight === 0) return;
    this.#chart.resize(clientWidth, clientHeight);
    this.#draw();
  }
}

/**
 * Returns the point closest to a time.
 * @param {Hop["series"]} series
 * @param {number} time Unix seconds
 */
function nearest(series, time) {
  /** @type {Hop["series"][number] | null} */
  let best = null;
  for (const point of series) if (!best || Math.abs(point.time - time) < Math.abs(best.time - time)) best = point;
  return best;
}
