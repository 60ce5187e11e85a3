import { formatNumber, formatTime } from "../shared/format.js";
import { timeTicks, ValueAxis } from "./axis.js";
import { drawEnds, drawLimits, drawPointer, drawTarget, drawThresholds, fillRanges } from "./chart-marks.js";

/** Path of Chart.js 3, which the gateway serves from its Debian package. No other module uses the library. */
const libraryPath = "/vendor/chart.js/chart.esm.js";

/**
 * Loaded with the first chart. A missing library costs only the charts.
 * @type {Promise<any> | undefined}
 */
let library;

/**
 * Returns the library's `Chart` class.
 * @returns {Promise<ChartClass>}
 */
export async function loadChartLibrary() {
  library ??= import(libraryPath).then((module) => {
    const { Chart, LineController, LineElement, LinearScale, PointElement } = module;
    Chart.register(LineController, LineElement, LinearScale, PointElement);
    return Chart;
  });
  return library;
}

/** @typedef {import("../shared/gateway-types.js").Threshold} Threshold */
/**
 * The parts of Chart.js that are used here.
 * @typedef {{min: number, max: number, width: number, ticks: {value: number}[],
 *   getPixelForValue(value: number): number, getValueForPixel(pixel: number): number}} Scale
 * @typedef {{data: {x: number, y: number}[], borderColor: string, borderWidth: number, hasEnd: boolean}} Dataset
 * @typedef {object} Chart
 * @property {CanvasRenderingContext2D} ctx
 * @property {number} width
 * @property {number} height
 * @property {{left: number, right: number, top: number, bottom: number}} chartArea undefined before the first layout
 * @property {{x: Scale, y: Scale}} scales
 * @property {any} options
 * @property {{datasets: Dataset[]}} data
 * @property {(width: number, height: number) => void} resize
 * @property {(mode: string) => void} update
 * @property {() => void} destroy
 */
/** @typedef {new (canvas: HTMLCanvasElement, configuration: object) => Chart} ChartClass */
/**
 * A line to draw.
 * @typedef {{line: import("./polyline.js").Polyline, color: string, width: number, hasEnd: boolean, hasBand?: boolean}}
 *   ChartLine
 */
/**
 * A place in a chart, in its units.
 * @typedef {{time: number, value: number}} ChartPlace
 */

/**
 * Lines over time on a canvas.
 *
 * The library is kept from all expensive work: axis ranges and ticks are computed here, points are decimated before,
 * there are no animations and no pointer events, and point objects are reused.
 */
export class LineChart {
  #chart;
  #axis;
  #palette;
  #thresholds;
  /**
   * Reused points, by line.
   * @type {{x: number, y: number}[][]}
   */
  #pools = [];
  /** @type {ChartLine[]} */
  #lines = [];
  /** @type {import("./rule-limits.js").RuleLimit[]} */
  #limits = [];
  #view = { from: 0, to: 1 };
  /** @type {number | null} */
  #hoverTime = null;
  /** @type {ChartPlace | null} */
  #target = null;
  #timeStep = 1_000;

  /**
   * @param {ChartClass} Chart
   * @param {HTMLCanvasElement} canvas
   * @param {import("../shared/palette.js").Palette} palette
   * @param {{min?: number, max?: number, decimals?: number, thresholds?: Threshold[]}} panel
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
        /** @param {Chart} chart */
        beforeDatasetsDraw: (chart) => {
          drawThresholds(chart, this.#thresholds, this.#palette);
          drawLimits(chart, this.#limits, this.#palette);
          if (this.#hoverTime !== null) drawPointer(chart, this.#hoverTime, this.#palette.axis);
          fillRanges(chart, this.#lines);
        },
        /** @param {Chart} chart */
        afterDatasetsDraw: (chart) => {
          drawEnds(chart, this.#palette.surface);
          if (this.#target) drawTarget(chart, this.#target, this.#palette.ink);
        },
      }],
    });
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.#chart.resize(width, height);
  }

  /** Width of the plot in pixels, which is the number of point columns that can be told apart. */
  get columns() {
    const area = this.#chart.chartArea;
    return Math.max(1, Math.round(area ? area.right - area.left : this.#chart.width));
  }

  /**
   * Returns the position of a time in pixels from the canvas's left edge, limited to the plot.
   * @param {number} time
   */
  left(time) {
    const { chartArea: area, scales } = this.#chart;
    return area ? Math.max(area.left, Math.min(area.right, scales.x.getPixelForValue(time))) : 0;
  }

  /**
   * Returns the place of a position on the canvas as a share of the plot's width: 0 at its left edge, 1 at its right.
   * @param {number} x
   */
  share(x) {
    const area = this.#chart.chartArea;
    return area && area.right > area.left ? (x - area.left) / (area.right - area.left) : 0;
  }

  /**
   * Returns the position of a share of the plot's width in pixels, limited to the plot.
   * @param {number} share
   */
  place(share) {
    const area = this.#chart.chartArea;
    return area ? area.left + Math.max(0, Math.min(1, share)) * (area.right - area.left) : 0;
  }

  /** Top and bottom of the plot in pixels from the canvas's top edge. */
  get height() {
    const area = this.#chart.chartArea;
    return area ? { top: area.top, bottom: area.bottom } : { top: 0, bottom: 0 };
  }

  /**
   * Returns the time and value at a place on the canvas; `null` outside of the plot.
   * @param {number} x
   * @param {number} y
   * @returns {ChartPlace | null}
   */
  at(x, y) {
    const area = this.#chart.chartArea;
    if (!area || x < area.left || x > area.right || y < area.top || y > area.bottom) return null;
    return { time: this.#chart.scales.x.getValueForPixel(x), value: this.#chart.scales.y.getValueForPixel(y) };
  }

  /**
   * Returns the distance in pixels from a place on the canvas to a point.
   * @param {number} x
   * @param {number} y
   * @param {number} time
   * @param {number} value
   */
  distance(x, y, time, value) {
    const { scales } = this.#chart;
    return Math.hypot(scales.x.getPixelForValue(time) - x, scales.y.getPixelForValue(value) - y);
  }

  /**
   * @param {{from: number, to: number}} view Unix milliseconds
   * @param {ChartLine[]} lines
   * @param {number | null} hoverTime time under the pointer
   * @param {ChartPlace | null} [target] point that a click or Enter opens
   * @param {import("./rule-limits.js").RuleLimit[]} [limits] of alert rules
   */
  draw(view, lines, hoverTime, target = null, limits = []) {
    this.#view = view;
    this.#limits = limits;
    this.#lines = lines;
    this.#hoverTime = hoverTime;
    this.#target = target;
    let lowest = Infinity;
    let highest = -Infinity;
    for (const { line } of lines) {
      lowest = Math.min(lowest, line.lowest);
      highest = Math.max(highest, line.highest);
    }
    const marks = limits.map(({ above, below }) => above ?? below);
    this.#axis.fit(lowest, highest, Math.max(2, Math.min(6, Math.floor(this.#chart.height / 48))), marks);
    const { scales } = this.#chart.options;
    scales.x.min = view.from;
    scales.x.max = view.to;
    scales.y.min = this.#axis.min;
    scales.y.max = this.#axis.max;
    const { datasets } = this.#chart.data;
    datasets.length = lines.length;
    for (let index = 0; index < lines.length; index += 1) {
      const { line, color, width, hasEnd } = lines[index];
      const dataset = (datasets[index] ??= { data: [], borderColor: color, borderWidth: width, hasEnd });
      dataset.data = this.#points(index, line);
      dataset.borderColor = color;
      dataset.borderWidth = width;
      dataset.hasEnd = hasEnd;
    }
    this.#chart.update("none");
  }

  /** Applies the theme's colours again. */
  restyle() {
    this.#chart.options = this.#options();
  }

  destroy() {
    this.#chart.destroy();
  }

  /**
   * @param {number} index
   * @param {import("./polyline.js").Polyline} line
   */
  #points(index, line) {
    const pool = (this.#pools[index] ??= []);
    while (pool.length < line.length) pool.push({ x: 0, y: 0 });
    if (pool.length > line.length) pool.length = line.length;
    for (let point = 0; point < line.length; point += 1) {
      pool[point].x = line.xs[point];
      pool[point].y = line.ys[point];
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
          ticks: { ...ticks, callback: (/** @type {number} */ value) => formatTime(value, this.#timeStep) },
          afterBuildTicks: (/** @type {Scale} */ scale) => this.#buildTimeTicks(scale),
        },
        y: {
          type: "linear",
          grid: line,
          ticks: { ...ticks, callback: (/** @type {number} */ value) => formatNumber(value, this.#axis.decimals) },
          afterBuildTicks: (/** @type {Scale} */ scale) => (scale.ticks = this.#axis.ticks.map((value) => ({ value }))),
          // Rounded up to steps of 8, so that the plot does not move when a digit comes or goes.
          afterFit: (/** @type {Scale} */ scale) => (scale.width = Math.max(32, Math.ceil(scale.width / 8) * 8)),
        },
      },
    };
  }

  /** @param {Scale} scale */
  #buildTimeTicks(scale) {
    const { step, ticks } = timeTicks(this.#view.from, this.#view.to, Math.max(1, Math.floor(scale.width / 70)));
    this.#timeStep = step;
    // Labels that would be cut off at either end are left out.
    const margin = ((this.#view.to - this.#view.from) / Math.max(1, scale.width)) * 20;
    scale.ticks = ticks
      .filter((tick) => tick > this.#view.from + margin && tick < this.#view.to - margin)
      .map((value) => ({ value }));
  }
}
