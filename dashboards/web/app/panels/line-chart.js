import { timeTicks, ValueAxis } from "../axis.js";
import { formatNumber, formatTime } from "../format.js";

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
  #view = { from: 0, to: 1 };
  #hoverTime = null;
  #target = null;
  #bands = [];

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
        beforeDatasetsDraw: (chart) => this.#drawMarks(chart),
        afterDatasetsDraw: (chart) => {
          this.#drawEnds(chart);
          this.#drawTarget(chart);
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
   * @param {{trace: import("../trace.js").Trace, color: string, width: number, hasEnd: boolean}[]} lines
   * @param {number | null} hoverTime where the pointer is
   * @param {{time: number, value: number} | null} [target] the point that a click or Enter would open
   * @param {{from: number, to: number, severity: string, label: string}[]} [bands] when an alert fired
   */
  draw(view, lines, hoverTime, target = null, bands = []) {
    this.#bands = bands;
    this.#view = view;
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

  /** Below the lines: bands of alerts, thresholds, and where the pointer is. */
  #drawMarks({ ctx, chartArea, scales }) {
    ctx.save();
    for (const band of this.#bands) this.#drawBand(ctx, chartArea, scales, band);
    ctx.lineWidth = 1;
    for (const { above, below, level = "warning" } of this.#thresholds) {
      const value = above ?? below;
      if (value < this.#axis.min || value > this.#axis.max) continue;
      ctx.strokeStyle = this.#palette[level];
      ctx.setLineDash([2, 4]);
      const y = scales.y.getPixelForValue(value);
      strokeLine(ctx, chartArea.left, y, chartArea.right, y);
    }
    if (this.#hoverTime !== null) {
      const x = scales.x.getPixelForValue(this.#hoverTime);
      ctx.strokeStyle = this.#palette.axis;
      ctx.setLineDash([]);
      strokeLine(ctx, x, chartArea.top, x, chartArea.bottom);
    }
    ctx.restore();
  }

  /** A tinted strip with an edge on top, solid for critical and dashed for the rest, and its name where it fits. */
  #drawBand(ctx, chartArea, scales, { from, to, severity, label }) {
    const left = Math.max(chartArea.left, scales.x.getPixelForValue(from));
    const right = Math.min(chartArea.right, to === Infinity ? chartArea.right : scales.x.getPixelForValue(to));
    const width = Math.max(2, right - left);
    const color = severity === "info" ? this.#palette.axis : this.#palette[severity];
    ctx.fillStyle = color;
    ctx.globalAlpha = 0.12;
    ctx.fillRect(left, chartArea.top, width, chartArea.bottom - chartArea.top);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = color;
    ctx.lineWidth = 3;
    ctx.setLineDash(severity === "critical" ? [] : [6, 4]);
    strokeLine(ctx, left, chartArea.top, left + width, chartArea.top);
    ctx.lineWidth = 1;
    ctx.font = `11px ${this.#palette.font}`;
    if (ctx.measureText(label).width + 12 < width) {
      ctx.textBaseline = "top";
      ctx.fillText(label, left + 6, chartArea.top + 5);
    }
  }

  /** A dot where each line ends: what is now. */
  #drawEnds({ ctx, chartArea, scales, data }) {
    ctx.save();
    for (const { data: points, borderColor, hasEnd } of data.datasets) {
      const last = points.at(-1);
      if (!hasEnd || !last || Number.isNaN(last.y)) continue;
      const x = scales.x.getPixelForValue(last.x);
      if (x < chartArea.left || x > chartArea.right + 4) continue;
      ctx.beginPath();
      ctx.arc(x, scales.y.getPixelForValue(last.y), 3, 0, 2 * Math.PI);
      ctx.fillStyle = borderColor;
      ctx.strokeStyle = this.#palette.surface;
      ctx.lineWidth = 2;
      ctx.stroke();
      ctx.fill();
    }
    ctx.restore();
  }

  #drawTarget({ ctx, chartArea, scales }) {
    if (!this.#target) return;
    const x = scales.x.getPixelForValue(this.#target.time);
    if (x < chartArea.left || x > chartArea.right + 4) return;
    ctx.save();
    ctx.beginPath();
    ctx.arc(x, scales.y.getPixelForValue(this.#target.value), 5, 0, 2 * Math.PI);
    ctx.strokeStyle = this.#palette.ink;
    ctx.lineWidth = 2;
    ctx.stroke();
    ctx.restore();
  }
}

/** On whole pixels, where a line of one pixel is sharp. */
function strokeLine(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
  context.stroke();
}
