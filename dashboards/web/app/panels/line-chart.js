import { timeTicks, ValueAxis } from "../axis.js";
import { formatNumber, formatTime } from "../format.js";
import { drawEnds, drawPointer, drawTarget, drawThresholds } from "./chart-marks.js";
import { fillRanges } from "./range-fill.js";

/** The one place that knows the chart library: Chart.js 3, which the gateway serves from where apt puts it. */
const libraryPath = "/vendor/chart.js/chart.esm.js";

/** Loaded when the first chart needs it, so that a missing library costs the charts and nothing else. */
let library;

export async function loadChartLibrary() {
  library ??= import(libraryPath).then((module) => {
    const { Chart, LineController, LineElement, LinearScale, PointElement } = module;
    Chart.register(LineController, LineElement, LinearScale, PointElement);
    return Chart;
  });
  return library;
}

/**
 * Lines over time on a canvas.
 *
 * All that costs time is kept from the library: axis ranges and ticks come from here, points are decimated before, it
 * neither animates nor listens to the pointer, and point objects are used again.
 */
export class LineChart {
  #chart;
  #axis;
  #palette;
  #thresholds;
  #pools = [];
  #lines = [];
  #view = { from: 0, to: 1 };
  #hoverTime = null;
  #target = null;

  /**
   * @param {Function} Chart the library's class
   * @param {HTMLCanvasElement} canvas
   * @param {import("../palette.js").Palette} palette
   * @param {{min?: number, max?: number, decimals?: number, thresholds?: object[]}} panel
   */
  constructor(Chart, canvas, palette, { min, max, decimals, thresholds = [] }) {
    this.#palette = palette;
    this.#thresholds = thresholds;
    this.#axis = new ValueAxis({ min, max, decimals, marks: thresholds.map((mark) => mark.above ?? mark.below) });
    this.#chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [] },
      options: this.#options(),
      plugins: [{
        id: "marks",
        beforeDatasetsDraw: (chart) => {
          drawThresholds(chart, this.#thresholds, this.#palette);
          if (this.#hoverTime !== null) drawPointer(chart, this.#hoverTime, this.#palette.axis);
          fillRanges(chart, this.#lines);
        },
        afterDatasetsDraw: (chart) => {
          drawEnds(chart, this.#palette.surface);
          if (this.#target) drawTarget(chart, this.#target, this.#palette.ink);
        },
      }],
    });
  }

  resize(width, height) {
    this.#chart.resize(width, height);
  }

  /** Width of the plot in pixels: how many columns of points can be told apart. */
  get columns() {
    const area = this.#chart.chartArea;
    return Math.max(1, Math.round(area ? area.right - area.left : this.#chart.width));
  }

  /** Where a time is, in pixels from the canvas's left, not beyond the plot. */
  left(time) {
    const { chartArea: area, scales } = this.#chart;
    return area ? Math.max(area.left, Math.min(area.right, scales.x.getPixelForValue(time))) : 0;
  }

  /** Where the plot begins and ends, in pixels from the canvas's top. */
  get height() {
    const area = this.#chart.chartArea;
    return area ? { top: area.top, bottom: area.bottom } : { top: 0, bottom: 0 };
  }

  /** The time and value at a place on the canvas; `null` beside the plot. */
  at(x, y) {
    const area = this.#chart.chartArea;
    if (!area || x < area.left || x > area.right || y < area.top || y > area.bottom) return null;
    return { time: this.#chart.scales.x.getValueForPixel(x), value: this.#chart.scales.y.getValueForPixel(y) };
  }

  /** How far a place on the canvas is from a point, in pixels. */
  distance(x, y, time, value) {
    const { scales } = this.#chart;
    return Math.hypot(scales.x.getPixelForValue(time) - x, scales.y.getPixelForValue(value) - y);
  }

  /**
   * @param {{from: number, to: number}} view Unix milliseconds
   * @param {{trace: import("../trace.js").Trace, color: string, width: number, hasEnd: boolean, hasBand?: boolean}[]}
   *   lines
   * @param {number | null} hoverTime where the pointer is
   * @param {{time: number, value: number} | null} [target] the point that a click or Enter would open
   */
  draw(view, lines, hoverTime, target = null) {
    this.#view = view;
    this.#lines = lines;
    this.#hoverTime = hoverTime;
    this.#target = target;
    let lowest = Infinity;
    let highest = -Infinity;
    for (const { trace } of lines) {
      lowest = Math.min(lowest, trace.lowest);
      highest = Math.max(highest, trace.highest);
    }
    this.#axis.fit(lowest, highest, Math.max(2, Math.min(6, Math.floor(this.#chart.height / 48))));
    const { scales } = this.#chart.options;
    scales.x.min = view.from;
    scales.x.max = view.to;
    scales.y.min = this.#axis.min;
    scales.y.max = this.#axis.max;
    const { datasets } = this.#chart.data;
    datasets.length = lines.length;
    for (let index = 0; index < lines.length; index += 1) {
      const { trace, color, width, hasEnd } = lines[index];
      const dataset = (datasets[index] ??= { data: [] });
      dataset.data = this.#points(index, trace);
      dataset.borderColor = color;
      dataset.borderWidth = width;
      dataset.hasEnd = hasEnd;
    }
    this.#chart.update("none");
  }

  /** Takes the theme's colours anew. */
  restyle() {
    this.#chart.options = this.#options();
  }

  destroy() {
    this.#chart.destroy();
  }

  #points(index, trace) {
    const pool = (this.#pools[index] ??= []);
    while (pool.length < trace.length) pool.push({ x: 0, y: 0 });
    if (pool.length > trace.length) pool.length = trace.length;
    for (let point = 0; point < trace.length; point += 1) {
      pool[point].x = trace.xs[point];
      pool[point].y = trace.ys[point];
    }
    return pool;
  }

  #options() {
    const { grid, axis, font } = this.#palette;
    const ticks = { color: axis, font: { family: font, size: 11 }, maxRotation: 0, autoSkip: false, padding: 6 };
    const line = { color: grid, borderColor: "transparent", drawTicks: false };
    return {
      responsive: false,
      maintainAspectRatio: false,
      animation: false,
      parsing: false,
      normalized: true,
      events: [],
      spanGaps: false,
      layout: { padding: { top: 6, right: 8 } },
      elements: {
        point: { radius: 0, hitRadius: 0 },
        line: { tension: 0, fill: false, borderJoinStyle: "round", borderCapStyle: "round" },
      },
      scales: {
        x: {
          type: "linear",
          grid: { ...line, display: false },
          ticks: { ...ticks, callback: (value) => formatTime(value, this.#timeStep) },
          afterBuildTicks: (scale) => this.#buildTimeTicks(scale),
        },
        y: {
          type: "linear",
          grid: line,
          ticks: { ...ticks, callback: (value) => formatNumber(value, this.#axis.decimals) },
          afterBuildTicks: (scale) => (scale.ticks = this.#axis.ticks.map((value) => ({ value }))),
          // As wide as the labels in steps of 8, so that the plot does not move when a digit comes or goes.
          afterFit: (scale) => (scale.width = Math.max(32, Math.ceil(scale.width / 8) * 8)),
        },
      },
    };
  }

  #timeStep = 1_000;

  #buildTimeTicks(scale) {
    const { step, ticks } = timeTicks(this.#view.from, this.#view.to, Math.max(1, Math.floor(scale.width / 70)));
    this.#timeStep = step;
    // A label that would be cut at either end is left out.
    const margin = ((this.#view.to - this.#view.from) / Math.max(1, scale.width)) * 20;
    scale.ticks = ticks
      .filter((tick) => tick > this.#view.from + margin && tick < this.#view.to - margin)
      .map((value) => ({ value }));
  }
}
