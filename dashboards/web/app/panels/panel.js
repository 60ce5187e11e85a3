import { element } from "../dom.js";
import { DevicePatterns, metricLabel, own } from "../names.js";

let nextID = 1;
/** However little is known, this much is drawn. */
const shortestWindowMs = 30_000;

/**
 * What all panels have in common: the frame with its heading, which series it shows, and whether it can be seen.
 *
 * Subclasses fill `body` and implement `draw(frameTime)`.
 */
export class Panel {
  isVisible = false;
  /** @type {import("../series-store.js").Series[]} in the order of the panel's devices, then metrics */
  series = [];
  #revision = -1;
  #span;
  #patterns;

  /**
   * @param {object} definition the panel as `/api/dashboards` gives it
   * @param {{store: import("../series-store.js").SeriesStore, palette: import("../palette.js").Palette,
   *   loop: import("../frame-loop.js").FrameLoop, serverNow: () => number, range: () => import("../ranges.js").Range,
   *   onPoint: (point: {device: string, time: number, text: string}) => void}} context `onPoint`: somebody asks about
   *   a point of a chart
   */
  constructor(definition, context) {
    this.definition = { stale_after_s: 30, window_s: 300, ...definition };
    this.context = context;
    this.#patterns = new DevicePatterns(definition.devices);
    const id = `panel-${nextID++}`;
    this.title = element("h2", { id, className: "panel-title" }, definition.title);
    this.tools = element("div", { className: "panel-tools" });
    this.body = element("div", { className: "panel-body" });
    this.past = element("p", { className: "panel-past", attributes: { role: "status" }, hidden: true });
    this.waiting = element("p", { className: "panel-waiting", textContent: this.#waitingText(), hidden: true });
    this.root = element(
      "section",
      {
        className: "panel",
        dataset: { panel: definition.type, testid: "panel", state: "waiting" },
        attributes: { "aria-labelledby": id },
      },
      element("header", { className: "panel-head" }, this.title, this.tools),
      this.past,
      this.body,
      this.waiting,
    );
    this.#span = definition.span ?? (definition.type === "value" ? 3 : 6);
    this.root.style.setProperty("--span", this.#span);
    this.root.style.setProperty("--span-medium", Math.max(6, this.#span));
  }

  isInterestedIn(device) {
    return this.#patterns.matches(device);
  }

  /** Of these devices the ones that the panel shows, in its order. @param {Iterable<string>} names */
  select(names) {
    return this.#patterns.select(names);
  }

  /** Whether it draws the past. */
  get wantsPast() {
    return true;
  }

  /** How many points of a series it can show beside each other; 0 when few are enough. */
  get columns() {
    return 0;
  }

  /** What to say when the past could not be had. @param {Error} failure */
  pastProblem({ message }) {
    return `The past could not be loaded: ${message}`;
  }

  /** Says how the past stands; what failed can be tried again. */
  showPast({ isLoading, failure, retry }) {
    this.root.dataset.past = failure ? "failed" : isLoading ? "loading" : "known";
    const text = failure ? `${this.pastProblem(failure)} ` : "";
    if (this.past.firstChild?.textContent === text) return;
    this.past.hidden = !failure;
    const again = element("button", { type: "button", className: "text-button past-retry", onclick: retry }, "Try again");
    this.past.replaceChildren(...(failure ? [text, again] : []));
  }

  /** Whether one of the panel's metrics is among a reading's values. */
  shows(data) {
    return this.definition.metrics.some((metric) => Object.hasOwn(data, metric));
  }

  /** How much of a row of high panels it takes; tiles are low. */
  get rowShare() {
    return this.definition.type === "value" ? 0 : this.#span / 12;
  }

  get windowMs() {
    return this.context.range().ms ?? this.definition.window_s * 1000;
  }

  /**
   * The span of time to draw: the range that was chosen, else the panel's window, or, as long as less than that is known,
   * what is known, so that a gateway that was just started has no empty charts.
   * @param {import("../series-store.js").Series[]} series
   * @returns {{from: number, to: number}} Unix milliseconds of the gateway
   */
  view(series) {
    const to = this.context.serverNow();
    if (this.context.range().ms) return { from: to - this.windowMs, to };
    let oldest = to - shortestWindowMs;
    for (const { points } of series) if (points.length > 0) oldest = Math.min(oldest, points.timeAt(0));
    return { from: Math.max(oldest, to - this.windowMs), to };
  }

  get staleMs() {
    return this.definition.stale_after_s * 1000;
  }

  /** How old a series' value is, in milliseconds; NaN when nobody knows. */
  age(series) {
    return Math.max(0, this.context.serverNow() - series.time);
  }

  /** A value of unknown age is not trusted either. */
  isStale(series) {
    return !(this.age(series) <= this.staleMs);
  }

  unit(series) {
    const { unit, units } = this.definition;
    return series.unit ?? own(units, series.metric) ?? unit;
  }

  /** As short as it can be told apart: by device, by metric, or both. */
  label(series) {
    const hasOneMetric = this.definition.metrics.length === 1;
    const hasOneDevice = this.definition.devices.length === 1 && !this.definition.devices[0].includes("*");
    if (hasOneMetric) return series.device;
    return hasOneDevice ? metricLabel(series.metric) : `${series.device} ${metricLabel(series.metric).toLowerCase()}`;
  }

  /** Finds the series again when some came or went. @returns {boolean} whether they changed */
  refreshSeries() {
    const { store } = this.context;
    if (this.#revision === store.revision) return false;
    this.#revision = store.revision;
    const series = [];
    for (const device of this.#patterns.select(store.deviceNames)) {
      for (const metric of this.definition.metrics) {
        const known = store.series(device, metric);
        if (known) series.push(known);
      }
    }
    const hasChanged =
      series.length !== this.series.length || series.some((series, index) => series !== this.series[index]);
    this.series = series;
    const isWaiting = series.length === 0;
    this.root.dataset.state = isWaiting ? "waiting" : "live";
    this.waiting.hidden = !isWaiting;
    this.body.hidden = isWaiting;
    return hasChanged;
  }

  /** Takes the theme's colours anew. */
  restyle() {}

  destroy() {}

  #waitingText() {
    const { devices, metrics } = this.definition;
    const names = devices.length > 2 ? `${devices.slice(0, 2).join(", ")} and others` : devices.join(" and ");
    return `Waiting for ${metrics.map((metric) => metricLabel(metric).toLowerCase()).join(", ")} of ${names}`;
  }
}
