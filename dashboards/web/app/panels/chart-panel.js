import { describeAlert } from "../alerts/alert-words.js";
import { AlertBands } from "../charts/alert-bands.js";
import { fileName, picture, requestCSV, save } from "../charts/chart-export.js";
import { ChartPointer } from "../charts/chart-pointer.js";
import { ChartReadout } from "../charts/chart-readout.js";
import { ChartSummary } from "../charts/chart-summary.js";
import { ChartZoom } from "../charts/chart-zoom.js";
import { Legend } from "../charts/legend.js";
import { LineChart, loadChartLibrary } from "../charts/line-chart.js";
import { Polyline } from "../charts/polyline.js";
import { describeLimit, ruleLimits } from "../charts/rule-limits.js";
import { element, setData, setText } from "../shared/dom.js";
import { formatDuration, formatMoment, formatSpan } from "../shared/format.js";
import { Panel } from "./panel.js";

/** More series than this are drawn as a bundle: nobody can tell eleven colours apart. */
const maxColoredSeries = 10;
/** Interval of the description for screen readers, which must not change with every reading. */
const descriptionIntervalMs = 10_000;
const gestureHint = ", Enter shows where its time went. "
  + "Plus and minus zoom, Shift with the arrow keys moves the range, Escape resets it";

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
  /** @type {ChartPointer} */
  #pointer;
  #zoom;
  /** The window that was drawn last. */
  #shownSpan;
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
    this.#shownSpan = this.view([]);
    this.canvas = element("canvas", { attributes: { role: "img", "aria-label": definition.title } });
    this.spoken = element("p", { className: "visually-hidden", attributes: { role: "status" } });
    this.plot = element(
      "div",
      {
        className: "chart-plot", tabIndex: 0,
        attributes: {
          role: "application",
          "aria-label": `${definition.title}: the arrow keys choose a reading${context.zoom ? gestureHint : ""}`,
        },
      },
      this.canvas, this.spoken);
    this.#bands = new AlertBands(this.plot, { onOpen: (id) => context.onAlert(id) });
    this.#zoom = context.zoom && new ChartZoom(this.plot, {
      chart: () => this.#chart, shown: () => this.#shownSpan, now: context.serverNow, point: () => this.#pointer.point,
      range: context.zoom,
    });
    this.#pointer = new ChartPointer(this.plot, this.spoken, {
      chart: () => this.#chart,
      shown: () => this.#visible,
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
    this.csv = this.#saveButton("CSV", "readings", () => requestCSV(this.#visible, this.#shownSpan, context.token()));
    this.png = this.#saveButton("PNG", "picture", () => this.#picture());
    this.tools.append(this.note, this.csv, this.png, this.switch);
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
    this.#shownSpan = this.view(this.series);
    const isPast = this.isPast(this.#shownSpan);
    const view = { ...this.#shownSpan, columns: this.#chart?.columns ?? 600 };
    for (const [index, series] of this.series.entries()) {
      // Points of a thinned series are further apart than its readings.
      const breakMs = this.breakMs(series, this.windowMs / 256);
      (this.#lines[index] ??= new Polyline()).take(series.track, { ...view, breakMs }, isPast ? null : series);
    }
    const alerts = this.#alerts(view);
    if (this.summary.root.hidden) this.#drawChart(view, alerts);
    else this.summary.show(this.series.map((series, index) => this.#row(series, this.#lines[index])), alerts);
    this.#updateLegend(isPast);
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
        hasEnd: (isEmphasised || !this.#isBundle) && !this.isStale(series) && !this.isPast(view),
        hasBand: isEmphasised || !this.#isBundle,
      };
      if (isEmphasised) lines.push(drawn);
      else lines.unshift(drawn);
    }
    this.#chart.draw(view, lines, hover?.time ?? null, this.#pointer.point, this.#limits);
    this.#bands.show(alerts, view, this.#chart);
    setData(this.root, "points", pointCount);
    setData(this.root, "series", lines.length);
  }

  /** The limits of alert rules for the visible series. */
  get #limits() {
    return ruleLimits(this.#visible);
  }

  /** The series whose lines are not hidden. */
  get #visible() {
    return this.series.filter((series) => !this.#hidden.has(this.#key(series)));
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

  /** @param {boolean} isPast whether the window has no latest values, so that its last ones are shown */
  #updateLegend(isPast) {
    const { hover } = this.#pointer;
    const time = hover ? formatMoment(hover.time, this.windowMs) : "";
    setData(this.root, "hover", hover ? "true" : null);
    if (this.#isBundle) return this.legend.summarise(this.#readout.bundle(this.series, hover), time);
    for (const [index, series] of this.series.entries()) {
      const text = hover ? this.#readout.at(series, hover.time)
        : isPast ? this.#readout.last(series, this.#shownSpan) : this.#text(series, series.value);
      this.legend.update(index, text, !hover && !isPast && this.isStale(series));
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
    const { span } = this.context.range();
    const window = span ? formatSpan(span.from, span.to) : `last ${formatDuration(this.windowMs)}`;
    this.canvas.setAttribute(
      "aria-label",
      `Line chart: ${this.definition.title}, ${this.series.length} series, ${window}. `
        + `Latest: ${latest.join("; ")}.`
        + this.#limits.map((limit) => ` ${describeLimit(limit, this.definition.unit)}.`).join("")
        + alerts.slice(-maxColoredSeries).map((alert) => ` ${describeAlert(alert)}.`).join(""));
  }

  /** @param {ChartPoint} point */
  #open(point) {
    if (point.count > 1) {
      return setText(
        this.spoken, "That is a mean of several readings; the way of each is known in the shortest range.");
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

  /**
   * Makes a button that saves a file of what the chart shows. A failure is shown on the panel.
   * @param {"CSV" | "PNG"} type
   * @param {string} content
   * @param {() => Promise<Blob>} make
   */
  #saveButton(type, content, make) {
    const extension = type.toLowerCase();
    const button = element("button", {
      type: "button", className: "text-button", dataset: { testid: extension },
      title: `Save the shown ${content} as ${type}`,
      attributes: { "aria-label": `Save ${this.definition.title} as ${type}` },
      onclick: async () => {
        const name = fileName(this.definition.title, this.#shownSpan, extension);
        button.disabled = true;
        this.showNotice("");
        try {
          save(await make(), name);
        } catch (error) {
          this.showNotice(`The ${type} file could not be made: ${error.message}`);
        }
        button.disabled = false;
      },
    }, type);
    return button;
  }

  #picture() {
    const { palette } = this.context;
    const { from, to } = this.#shownSpan;
    const chart = this.#chart;
    if (!chart) throw new Error("There is no chart.");
    const legend = this.#isBundle
      ? [{ text: this.legend.summary, color: null }]
      : this.series.map((series, index) => ({ series, text: this.legend.text(index), color: this.#color(index) }))
        .filter(({ series }) => !this.#hidden.has(this.#key(series)));
    const bands = this.#alerts({ from, to }).map(({ firedMs, pendingMs, resolvedMs, severity }) => ({
      left: chart.left(firedMs ?? pendingMs), right: chart.left(resolvedMs ?? to), ...chart.height,
      color: severity === "info" ? palette.axis : palette[/** @type {"warning" | "critical"} */ (severity)],
    }));
    return picture(
      { canvas: this.canvas, title: this.definition.title, range: formatSpan(from, to), legend, bands }, palette);
  }

  /** @param {boolean} isShown */
  #showTable(isShown) {
    this.summary.root.hidden = !isShown;
    this.plot.hidden = this.png.hidden = isShown;
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
    this.#zoom?.destroy();
    this.#chart?.destroy();
  }
}
