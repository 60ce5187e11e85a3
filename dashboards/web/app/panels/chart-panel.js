import { element, setData, setText } from "../dom.js";
import { formatDuration, formatMoment } from "../format.js";
import { describeAlert } from "../alert-words.js";
import { Trace } from "../trace.js";
import { AlertBands } from "./alert-bands.js";
import { ChartPointer } from "./chart-pointer.js";
import { ChartReadout } from "./chart-readout.js";
import { ChartSummary } from "./chart-summary.js";
import { Legend } from "./legend.js";
import { LineChart, loadChartLibrary } from "./line-chart.js";
import { Panel } from "./panel.js";

/** More series than this are a bundle: nobody tells eleven colours apart. */
const maxColoredSeries = 10;
/** A description that changed with every reading would be of no use to anybody who listens. */
const descriptionIntervalMs = 10_000;

/** A line chart with its legend, and the same as a table for those who would rather read. */
export class ChartPanel extends Panel {
  #chart = null;
  #traces = [];
  #hidden = new Set();
  #emphasised = null;
  #pointer;
  #readout = new ChartReadout(this);
  #bands;
  #describedAt = -Infinity;
  #observer;

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

  draw(frameTime) {
    setText(this.note, formatDuration(this.windowMs));
    if (this.refreshSeries()) this.legend.show(this.series.map((series) => this.#entry(series)), this.#isBundle);
    if (this.series.length === 0) return;
    const view = {
      ...this.view(this.series), columns: this.#chart?.columns ?? 600,
      // Thinned points are further apart than the readings were.
      breakMs: Math.max(this.staleMs, this.windowMs / 256),
    };
    for (const [index, series] of this.series.entries()) {
      (this.#traces[index] ??= new Trace()).take(series.track, view);
    }
    const alerts = this.#alerts(view);
    if (this.summary.root.hidden) this.#drawChart(view, alerts);
    else this.summary.show(this.series.map((series, index) => this.#row(series, this.#traces[index])), alerts);
    this.#updateLegend();
    if (frameTime - this.#describedAt > descriptionIntervalMs) this.#describe(frameTime, alerts);
  }

  /** The alerts of what is shown, that fired or did not end before the window. */
  #alerts({ from, to }) {
    return this.context.alerts.between(from, to, ({ device, metric }) =>
      this.isInterestedIn(device) && (!metric || this.definition.metrics.includes(metric)));
  }

  #drawChart(view, alerts) {
    if (!this.#chart) return;
    const lines = [];
    let pointCount = 0;
    const { hover } = this.#pointer;
    const emphasised = this.#emphasised ?? (this.#isBundle && hover ? this.#readout.nearest(this.series, hover) : null);
    for (const [index, series] of this.series.entries()) {
      if (this.#hidden.has(this.#key(series))) continue;
      const trace = this.#traces[index];
      pointCount += trace.pointCount;
      const isEmphasised = series === emphasised;
      const color = this.#isBundle && !isEmphasised ? this.context.palette.bundle : this.#color(index);
      const line = {
        trace, color, width: isEmphasised ? 2.75 : this.#isBundle ? 1 : 1.75,
        hasEnd: (isEmphasised || !this.#isBundle) && !this.isStale(series), hasBand: isEmphasised || !this.#isBundle,
      };
      if (isEmphasised) lines.push(line);
      else lines.unshift(line);
    }
    this.#chart.draw(view, lines, hover?.time ?? null, this.#pointer.point);
    this.#bands.show(alerts, view, this.#chart);
    setData(this.root, "points", pointCount);
    setData(this.root, "series", lines.length);
  }

  get #isBundle() {
    return this.series.length > maxColoredSeries;
  }

  #color(index) {
    const { series } = this.context.palette;
    return this.#isBundle ? series[1] : series[index % series.length];
  }

  #key(series) {
    return `${series.device}\n${series.metric}`;
  }

  #entry(series) {
    return { series, label: this.label(series), isHidden: this.#hidden.has(this.#key(series)) };
  }

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

  #row(series, trace) {
    return {
      label: this.label(series),
      latest: this.#text(series, series.value),
      lowest: this.#text(series, trace.lowest),
      mean: this.#text(series, trace.sum / trace.count),
      highest: this.#text(series, trace.highest),
      ageMs: this.age(series),
      isStale: this.isStale(series),
    };
  }

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

  #open(point) {
    if (point.count > 1) {
      return setText(this.spoken, "That is a mean of several readings; the way of each is known in the shortest range.");
    }
    this.context.onPoint({ device: point.series.device, time: point.time, text: this.#pointText(point) });
  }

  #pointText(point) {
    const alert = this.#alerts({ from: point.time, to: point.time })[0];
    return `${this.#readout.point(point)}${alert ? `, during the ${alert.severity} alert “${alert.message}”` : ""}`;
  }

  #toggle(series) {
    const key = this.#key(series);
    if (!this.#hidden.delete(key)) this.#hidden.add(key);
    this.context.loop.mark(this, { now: true });
    return this.#hidden.has(key);
  }

  #emphasise(series) {
    this.#emphasised = series;
    this.context.loop.mark(this, { now: true });
  }

  #showTable(isShown) {
    this.summary.root.hidden = !isShown;
    this.plot.hidden = isShown;
    this.switch.setAttribute("aria-pressed", isShown);
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
