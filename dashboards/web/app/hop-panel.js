import { element, setData, setText } from "./dom.js";
import { formatMilliseconds, formatTime } from "./format.js";
import { LineChart, loadChartLibrary } from "./panels/line-chart.js";
import { PointBuffer } from "./point-buffer.js";
import { Trace } from "./trace.js";

/** In the order of a reading's way. */
export const hopNames = ["device", "process", "commit", "fan_out", "network", "paint", "end_to_end"];
const descriptions = {
  device: ["Device → gateway", "published, until the gateway had it"],
  process: ["In the gateway", "received, until it was decoded"],
  commit: ["Stored", "until its transaction was committed"],
  fan_out: ["Fan-out", "until it was written to the client's socket"],
  network: ["Gateway → browser", "until the browser had it"],
  paint: ["Browser → screen", "until the chart was painted"],
  end_to_end: ["Device → screen", "the whole way"],
};
/** The figures of a hop with the colours of their lines, the most important last, so that it lies on top. */
const lines = [
  { key: "p99_ms", label: "p99", color: 1 },
  { key: "p90_ms", label: "p90", color: 4 },
  { key: "p50_ms", label: "p50", color: 0 },
];
const maxPoints = 8_192;

/** One hop over time: a chart with p50, p90 and p99. */
export class HopPanel {
  #palette;
  #chart = null;
  #hop = null;
  #view = null;
  #breakMs = 0;
  #hoverTime = null;
  #traces = lines.map(() => new Trace());
  #buffers = [];

  /** @param {string} hop one of `hopNames` @param {import("./palette.js").Palette} palette */
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
   * @param {object | undefined} hop as `/api/latency` gives it
   * @param {number} intervalMs of its series
   * @param {{from: number, to: number}} view Unix milliseconds
   */
  show(hop, intervalMs, view) {
    const isWaiting = !(hop?.count > 0);
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
      // The figures and the table say the same.
      console.error("There are no charts, because the chart library could not be loaded.", error);
      this.plot.remove();
    }
  }

  #draw() {
    if (!this.#hop) return;
    const at = this.#hoverTime === null ? null : nearest(this.#hop.series, this.#hoverTime / 1000);
    for (const { key } of lines) setText(this.figures.get(key), formatMilliseconds((at ?? this.#hop)[key]));
    setText(this.time, at ? formatTime(at.time * 1000) : "");
    if (!this.#chart) return;
    for (const [index, trace] of this.#traces.entries()) {
      trace.take(this.#buffers[index], { ...this.#view, columns: this.#chart.columns, breakMs: this.#breakMs });
    }
    this.#chart.draw(this.#view, lines.map(({ color }, index) => ({
      trace: this.#traces[index], color: this.#palette.series[color], width: index === lines.length - 1 ? 2 : 1.5,
      hasEnd: false,
    })), at ? at.time * 1000 : null);
  }

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

function nearest(series, time) {
  let best = null;
  for (const point of series) if (!best || Math.abs(point.time - time) < Math.abs(best.time - time)) best = point;
  return best;
}
