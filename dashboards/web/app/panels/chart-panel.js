import { describeAlert } from "../alerts/alert-words.js";
import { AlertBands } from "../charts/alert-bands.js";
import { ChartPointer } from "../charts/chart-pointer.js";
import { ChartReadout } from "../charts/chart-readout.js";
import { ChartSummary } from "../charts/chart-summary.js";
import { Legend } from "../charts/legend.js";
import { LineChart, loadChartLibrary } from "../charts/line-chart.js";
import { Polyline } from "../charts/polyline.js";
import { element, setData, setText } from "../shared/dom.js";
import { formatDuration, formatMoment } from "../shared/format.js";
import { Panel } from "./panel.js";

/** More series than this are drawn as a bundle: nobody can tell eleven colours apart. */
const maxColoredSeries = 10;
/** Interval of the description for screen readers, which must not change with every reading. */
const descriptionIntervalMs = 10_000;

/** @typedef {import("../series/series-store.js").Series} Series */
/** @typedef {import("../alerts/alert-book.js").Alert} Alert */
/** @typedef {import("../charts/chart-pointer.js").ChartPoint} ChartPoint */

/** A line chart with its legend, and the same data as a table. */
export class ChartPanel extends Panel {
  /** @type {LineChart | null} */
  #chart = null;
  /**
   * Lines of the series, by index.
   * @type {Polyline[]}
   */
  #lines = [];
  /**
   * Keys of hidden series.
   * @type {Set<string>}
   */
  #hidden = new Set();
  /** @type {Series | null} */
  #emphasised = null;
  #pointer;
  #readout = new ChartReadout(this);
  #bands;
  #describedAt = -Infinity;
  #observer;

  /**
   * @param {import("./panel.js").PanelDefinition} definition
   * @param {import("./panel.js").PanelContext} context
   */
  constructor(definition, context) {
    super(definition, context);
    this.canvas = element("canvas", { attributes: { role: "img", "aria-label": definition.title } });
    this.spoken = element("p", { className: "visually-hidden", attributes: { role: "status" } });
    this.plot = element(
      "div",
      {
        className: "chart-plot", tabIndex: 0,
        attributes: {
          role: "application",
          "aria-label": `${definition.title}: the arrow keys choose a reading, Enter shows where its time went`,
        },
      },
      this.canvas, this.spoken);
    this.#bands = new AlertBands(this.plot, { onOpen: (id) => context.onAlert(id) });
    this.#pointer = new ChartPointer(this.plot, this.spoken, {
      chart: () => this.#chart,
      shown: () => this.series.filter((series) => !this.#hidden.has(this.#key(series))),
      text: (point) => this.#pointText(point),
      onOpen: (point) => this.#open(point),
      onChange: () => context.loop.mark(this, { now: true }),
    });
    this.legend = new Legend({
      onToggle: (series) => this.#toggle(series),
      onEmphasise: (series) => this.#emphasise(series),
    });
    this.summary = new ChartSummary(definition.title);
    this.body.append(this.legend.root, this.plot, this.summary.root);
    this.summary.root.hidden = true;
    this.switch = element("button", {
      type: "button", className: "text-button", textContent: "Table",
      title: `Show “${definition.title}” as a table`,
      attributes: { "aria-pressed": "false", "aria-label": `${definition.title} as a table` },
      onclick: () => this.#showTable(this.summary.root.hidden),
    });
    this.note = element("span", { className: "panel-note panel-window" });
    this.tools.append(this.note, this.switch);
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(this.plot);
    this.#load();
  }

  async #load() {
    try {
      const Chart = await loadChartLibrary();
      this.#chart = new LineChart(Chart, this.canvas, this.context.palette, this.definition);
      this.#resize();
    } catch (error) {
      console.error("Charts are shown as tables, because the chart library could not be loaded.", error);
      this.switch.hidden = true;
      this.#showTable(true);
    }
  }

  get columns() {
    return this.plot.clientWidth;
  }

  /** @param {number} frameTime */
  draw(frameTime) {
    setText(this.note, formatDuration(this.windowMs));
    if (this.refreshSeries()) this.legend.show(this.series.map((series) => this.#entry(series)), this.#isBundle);
    if (this.series.length === 0) return;
    const view = { ...this.view(this.series), columns: this.#chart?.columns ?? 600 };
    for (const [index, series] of this.series.entries()) {
      // Points of a thinned series are further apart than its readings.
      const breakMs = this.breakMs(series, this.windowMs / 256);
      (this.#lines[index] ??= new Polyline()).take(series.track, { ...view, breakMs });
    }
    const alerts = this.#alerts(view);
    if (this.summary.root.hidden) this.#drawChart(view, alerts);
    else this.summary.show(this.series.map((series, index) => this.#row(series, this.#lines[index])), alerts);
    this.#updateLegend();
    if (frameTime - this.#describedAt > descriptionIntervalMs) this.#describe(frameTime, alerts);
  }

  /**
   * Returns the alerts of the shown devices and metrics within a window.
   * @param {{from: number, to: number}} window
   */
  #alerts({ from, to }) {
    return this.context.alerts.between(from, to, ({ device, metric }) =>
      this.isInterestedIn(device) && (!metric || this.definition.metrics.includes(metric)));
  }

  /**
   * @param {{from: number, to: number}} view
   * @param {Alert[]} alerts
   */
  #drawChart(view, alerts) {
    if (!this.#chart) return;
    /** @type {import("../charts/line-chart.js").ChartLine[]} */
    const lines = [];
    let pointCount = 0;
    const { hover } = this.#pointer;
    const emphasised = this.#emphasised ?? (this.#isBundle && hover ? this.#readout.nearest(this.series, hover) : null);
    for (const [index, series] of this.series.entries()) {
      if (this.#hidden.has(this.#key(series))) continue;
      const line = this.#lines[index];
      pointCount += line.pointCount;
      const isEmphasised = series === emphasised;
      const color = this.#isBundle && !isEmphasised ? this.context.palette.bundle : this.#color(index);
      const drawn = {
        line, color, width: isEmphasised ? 2.75 : this.#isBundle ? 1 : 1.75,
        hasEnd: (isEmphasised || !this.#isBundle) && !this.isStale(series), hasBand: isEmphasised || !this.#isBundle,
      };
      if (isEmphasised) lines.push(drawn);
      else lines.unshift(drawn);
    }
    this.#chart.draw(view, lines, hover?.time ?? null, this.#pointer.point);
    this.#bands.show(alerts, view, this.#chart);
    setData(this.root, "points", pointCount);
    setData(this.root, "series", lines.length);
  }

  get #isBundle() {
    return this.series.length > maxColoredSeries;
  }

  /** @param {number} index */
  #color(index) {
    const { series } = this.context.palette;
    return this.#isBundle ? series[1] : series[index % series.length];
  }

  /** @param {Series} series */
  #key(series) {
    return `${series.device}\n${series.metric}`;
  }

  /** @param {Series} series */
  #entry(series) {
    return { series, label: this.label(series), isHidden: this.#hidden.has(this.#key(series)) };
  }

  /**
   * @param {Series} series
   * @param {number} value
   */
  #text(series, value) {
    return this.#readout.text(series, value);
  }

  #updateLegend() {
    const { hover } = this.#pointer;
    const time = hover ? formatMoment(hover.time, this.windowMs) : "";
    setData(this.root, "hover", hover ? "true" : null);
    if (this.#isBundle) return this.legend.summarise(this.#readout.bundle(this.series, hover), time);
    for (const [index, series] of this.series.entries()) {
      const text = hover ? this.#readout.at(series, hover.time) : this.#text(series, series.value);
      this.legend.update(index, text, !hover && this.isStale(series));
    }
    this.legend.setTime(time);
  }

  /**
   * @param {Series} series
   * @param {Polyline} line
   */
  #row(series, line) {
    return {
      label: this.label(series),
      latest: this.#text(series, series.value),
      lowest: this.#text(series, line.lowest),
      mean: this.#text(series, line.sum / line.count),
      highest: this.#text(series, line.highest),
      ageMs: this.age(series),
      isStale: this.isStale(series),
    };
  }

  /**
   * @param {number} frameTime
   * @param {Alert[]} alerts
   */
  #describe(frameTime, alerts) {
    this.#describedAt = frameTime;
    const latest = this.series.slice(0, maxColoredSeries).map((series) => {
      return `${this.label(series)} ${this.#text(series, series.value)}${this.isStale(series) ? ", stale" : ""}`;
    });
    this.canvas.setAttribute(
      "aria-label",
      `Line chart: ${this.definition.title}, ${this.series.length} series, last ${formatDuration(this.windowMs)}. `
        + `Latest: ${latest.join("; ")}.`
        + alerts.slice(-maxColoredSeries).map((alert) => ` ${describeAlert(alert)}.`).join(""));
  }

  /** @param {ChartPoint} point */
  #open(point) {
    if (point.count > 1) {
      return setText(this.spoken, "That is a mean of several readings; the way of each is known in the shortest range.");
    }
    this.context.onPoint({ device: point.series.device, time: point.time, text: this.#pointText(point) });
  }

  /** @param {ChartPoint} point */
  #pointText(point) {
    const alert = this.#alerts({ from: point.time, to: point.time })[0];
    return `${this.#readout.point(point)}${alert ? `, during the ${alert.severity} alert “${alert.message}”` : ""}`;
  }

  /** @param {Series} series */
  #toggle(series) {
    const key = this.#key(series);
    if (!this.#hidden.delete(key)) this.#hidden.add(key);
    this.context.loop.mark(this, { now: true });
    return this.#hidden.has(key);
  }

  /** @param {Series | null} series */
  #emphasise(series) {
    this.#emphasised = series;
    this.context.loop.mark(this, { now: true });
  }

  /** @param {boolean} isShown */
  #showTable(isShown) {
    this.summary.root.hidden = !isShown;
    this.plot.hidden = isShown;
    this.switch.setAttribute("aria-pressed", String(isShown));
    setText(this.switch, isShown ? "Chart" : "Table");
    this.context.loop.mark(this, { now: true });
  }

  #resize() {
    const { clientWidth, clientHeight } = this.plot;
    if (!this.#chart || clientWidth === 0 || clientHeight === 0) return;
    this.#chart.resize(clientWidth, clientHeight);
    this.context.loop.mark(this, { now: true });
  }

  restyle() {
    this.#chart?.restyle();
  }

  destroy() {
    this.#observer.disconnect();
    this.#chart?.destroy();
  }
}
