import { element, setData, setText } from "../dom.js";
import { formatDuration, formatNumber, formatTime, unitSuffix } from "../format.js";
import { metricLabel } from "../names.js";
import { Trace } from "../trace.js";
import { ChartSummary } from "./chart-summary.js";
import { Legend } from "./legend.js";
import { LineChart, loadChartLibrary } from "./line-chart.js";
import { Panel } from "./panel.js";
import { PointCursor } from "./point-cursor.js";

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
  #hover = null;
  #cursor = new PointCursor();
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
        onclick: (event) => this.#click(event),
        onkeydown: (event) => this.#press(event),
        onblur: () => this.#clearCursor(),
      },
      this.canvas, this.spoken);
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
    this.note = element("span", { className: "panel-note", textContent: formatDuration(this.windowMs) });
    this.tools.append(this.note, this.switch);
    this.plot.addEventListener("pointermove", (event) => this.#point(event));
    this.plot.addEventListener("pointerleave", () => this.#point(null));
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
      this.root.dataset.library = "missing";
      this.switch.hidden = true;
      this.#showTable(true);
    }
  }

  draw(frameTime) {
    if (this.refreshSeries()) this.legend.show(this.series.map((series) => this.#entry(series)), this.#isBundle);
    setText(this.note, formatDuration(this.windowMs));
    if (this.series.length === 0) return;
    const view = {
      ...this.view(this.series), columns: this.#chart?.columns ?? 600,
      // Thinned points are further apart than the readings were.
      breakMs: Math.max(this.staleMs, this.windowMs / 256),
    };
    for (const [index, series] of this.series.entries()) {
      (this.#traces[index] ??= new Trace()).take(series.points, view);
    }
    if (this.summary.root.hidden) this.#drawChart(view);
    else this.summary.show(this.series.map((series, index) => this.#row(series, this.#traces[index])));
    this.#updateLegend();
    if (frameTime - this.#describedAt > descriptionIntervalMs) this.#describe(frameTime);
  }

  #drawChart(view) {
    if (!this.#chart) return;
    const lines = [];
    let pointCount = 0;
    const emphasised = this.#emphasised ?? this.#nearest;
    for (const [index, series] of this.series.entries()) {
      if (this.#hidden.has(this.#key(series))) continue;
      const trace = this.#traces[index];
      pointCount += trace.pointCount;
      const isEmphasised = series === emphasised;
      const color = this.#isBundle && !isEmphasised ? this.context.palette.bundle : this.#color(index);
      const line = {
        trace, color, width: isEmphasised ? 2.75 : this.#isBundle ? 1 : 1.75,
        hasEnd: (isEmphasised || !this.#isBundle) && !this.isStale(series),
      };
      if (isEmphasised) lines.push(line);
      else lines.unshift(line);
    }
    const bands = this.context.bands(this.#shown).filter(({ from, to }) => from <= view.to && to >= view.from);
    this.#chart.draw(view, lines, this.#hover?.time ?? null, this.#cursor.point, bands);
    setData(this.root, "points", pointCount);
    setData(this.root, "bands", bands.length > 0 ? bands.length : null);
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
    return `${formatNumber(value, this.definition.decimals)}${unitSuffix(this.unit(series))}`;
  }

  #updateLegend() {
    const hover = this.#hover;
    setData(this.root, "hover", hover ? "true" : null);
    if (this.#isBundle) {
      this.legend.summarise(this.#bundleText(), hover ? formatTime(hover.time) : "");
      return;
    }
    for (const [index, series] of this.series.entries()) {
      const value = hover ? this.#valueAt(series, hover.time) : series.value;
      this.legend.update(index, this.#text(series, value), !hover && this.isStale(series));
    }
    this.legend.setTime(hover ? formatTime(hover.time) : "");
  }

  #bundleText() {
    const nearest = this.#nearest;
    if (nearest) return `${this.label(nearest)}  ${this.#text(nearest, this.#valueAt(nearest, this.#hover.time))}`;
    const fresh = this.series.filter((series) => !this.isStale(series)).sort((a, b) => a.value - b.value);
    if (fresh.length === 0) return `${this.series.length} series, all of them stale`;
    const [low, middle, high] = [fresh[0], fresh[fresh.length >> 1], fresh.at(-1)];
    return `${this.series.length} series  ·  ${this.#text(low, low.value)} (${this.label(low)})  –  median `
      + `${this.#text(middle, middle.value)}  –  ${this.#text(high, high.value)} (${this.label(high)})`;
  }

  /** The series of a bundle that the pointer is closest to. */
  get #nearest() {
    if (!this.#isBundle || !this.#hover) return null;
    let nearest = null;
    let least = Infinity;
    for (const series of this.series) {
      const distance = Math.abs(this.#valueAt(series, this.#hover.time) - this.#hover.value);
      if (distance < least) [nearest, least] = [series, distance];
    }
    return nearest;
  }

  /** The value of the reading closest to a time; NaN when none is near. */
  #valueAt({ points }, time) {
    if (points.length === 0) return NaN;
    const after = Math.min(points.indexAt(time), points.length - 1);
    const before = Math.max(0, after - 1);
    const index = Math.abs(points.timeAt(after) - time) < Math.abs(points.timeAt(before) - time) ? after : before;
    return Math.abs(points.timeAt(index) - time) <= this.staleMs ? points.valueAt(index) : NaN;
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

  #describe(frameTime) {
    this.#describedAt = frameTime;
    const latest = this.series.slice(0, maxColoredSeries).map((series) => {
      return `${this.label(series)} ${this.#text(series, series.value)}${this.isStale(series) ? ", stale" : ""}`;
    });
    this.canvas.setAttribute(
      "aria-label",
      `Line chart: ${this.definition.title}, ${this.series.length} series, last ${formatDuration(this.windowMs)}. `
        + `Latest: ${latest.join("; ")}.${this.#alertText()}`);
  }

  #alertText() {
    const firing = this.context.bands(this.#shown).filter(({ isOver }) => !isOver);
    return firing.length === 0 ? "" : ` Alerts: ${firing.map(({ label, severity }) => `${label}, ${severity}`).join("; ")}.`;
  }

  #point(event) {
    this.#cursor.clear();
    this.#hover = null;
    if (event && this.#chart) {
      const bounds = this.canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
      this.#hover = this.#chart.at(x, y);
      if (this.#hover) this.#cursor.moveTo(this.#chart, this.#shown, x, y);
    }
    setData(this.plot, "point", this.#cursor.point ? "true" : null);
    this.context.loop.mark(this, { now: true });
  }

  /** The series whose lines are not hidden. */
  get #shown() {
    return this.series.filter((series) => !this.#hidden.has(this.#key(series)));
  }

  #click(event) {
    // A finger does not hover before it taps.
    this.#point(event);
    this.#open();
  }

  #press(event) {
    if (event.key === "Enter") {
      // The same key would press the button that gets the focus when the dialog opens.
      event.preventDefault();
      this.#open();
    } else if (event.key === "Escape" && this.#cursor.point) {
      this.#clearCursor();
      event.stopPropagation();
    } else if (this.#cursor.step(event.key, this.#shown)) {
      event.preventDefault();
      this.#hover = this.#cursor.point && { time: this.#cursor.point.time, value: this.#cursor.point.value };
      setText(this.spoken, this.#cursor.point ? this.#pointText(this.#cursor.point) : "No reading");
      this.context.loop.mark(this, { now: true });
    }
  }

  #open() {
    const { point } = this.#cursor;
    if (!point) return;
    this.context.onPoint({ device: point.series.device, time: point.time, text: this.#pointText(point) });
  }

  #pointText({ series, time, value }) {
    const name = `${series.device} ${metricLabel(series.metric).toLowerCase()}`;
    return `${name} ${this.#text(series, value)}, ${formatTime(time)}`;
  }

  #clearCursor() {
    this.#cursor.clear();
    this.#hover = null;
    this.context.loop.mark(this, { now: true });
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
