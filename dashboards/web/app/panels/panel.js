import { element, setText } from "../shared/dom.js";
import { DevicePatterns, metricLabel, own } from "../shared/names.js";
import { longestPause, staleAfter } from "../shared/rhythm.js";

let nextID = 1;
/** Shortest window of a panel without a range. */
const shortestWindowMs = 30_000;
/** Distance of a window's end from now from which it is past. The end of a range that follows now is drawn late. */
const pastMs = 2_000;

/** Types of panels with a tile for each series. They are low and narrow. */
const lowTypes = ["value", "gauge"];

/** @typedef {import("../series/series-store.js").Series} Series */
/** @typedef {import("../shared/gateway-types.js").PanelDefinition} PanelDefinition */
/**
 * The parts of the page that panels use.
 * @typedef {object} PanelContext
 * @property {import("../series/series-store.js").SeriesStore} store
 * @property {import("../shared/palette.js").Palette} palette
 * @property {import("../dashboard/frame-loop.js").FrameLoop} loop
 * @property {import("../latency/paint-watch.js").PaintWatch} paints
 * @property {import("../history/past.js").Past} past
 * @property {import("../alerts/alert-store.js").AlertStore} alerts
 * @property {() => number} serverNow
 * @property {() => string} token for requests
 * @property {() => import("../shared/time-range.js").Range} range
 * @property {import("../charts/chart-zoom.js").ZoomRange | null} zoom the range that charts zoom; null: they do not
 * @property {boolean} [isDevicePage] the panels show one device, so that links to it are not needed
 * @property {(id: string) => void} onAlert the user opens an alert
 * @property {(point: {device: string, time: number, text: string}) => void} onPoint the user opens a point of a chart
 */
/** @typedef {{isLoading: boolean, failure: Error | null, retry: () => void}} PastStatus */

/**
 * The common part of all panels: the frame with its heading, the shown series, and visibility.
 *
 * Subclasses fill `body` and implement `draw(frameTime)`.
 */
export class Panel {
  isVisible = false;
  /**
   * In the order of the panel's devices, then of its metrics.
   * @type {Series[]}
   */
  series = [];
  /** Width in twelfths of a wide page. */
  span;
  #revision = -1;
  #patterns;

  /**
   * @param {PanelDefinition} definition
   * @param {PanelContext} context
   */
  constructor(definition, context) {
    /** @type {PanelDefinition & {window_s: number}} */
    this.definition = { window_s: 300, ...definition };
    this.context = context;
    this.#patterns = new DevicePatterns(definition.devices);
    const id = `panel-${nextID++}`;
    this.title = element("h2", { id, className: "panel-title" }, definition.title);
    this.tools = element("div", { className: "panel-tools" });
    this.body = element("div", { className: "panel-body" });
    this.past = element("p", { className: "panel-past", attributes: { role: "status" }, hidden: true });
    this.notice = element("p", { className: "panel-past", attributes: { role: "status" }, hidden: true });
    this.waiting = element("p", { className: "panel-waiting", textContent: this.#waitingText(), hidden: true });
    this.root = element(
      "div",
      {
        className: "panel",
        dataset: { panel: definition.type, testid: "panel", state: "waiting" },
        // Panels of one dashboard may have the same title, which landmarks must not.
        attributes: { role: "group", "aria-labelledby": id },
      },
      element("header", { className: "panel-head" }, this.title, this.tools),
      this.past,
      this.notice,
      this.body,
      this.waiting,
    );
    this.span = definition.span ?? (lowTypes.includes(definition.type) ? 3 : 6);
    this.root.style.setProperty("--span", String(this.span));
    if (definition.height === undefined) return;
    this.root.style.setProperty("--panel-height", `${definition.height}px`);
    this.root.dataset.sized = "true";
  }

  /**
   * Whether the panel shows a device.
   * @param {string} device
   */
  isInterestedIn(device) {
    return this.#patterns.matches(device);
  }

  /**
   * Returns the devices that the panel shows, in its order.
   * @param {Iterable<string>} names
   */
  select(names) {
    return this.#patterns.select(names);
  }

  /** Whether the panel draws history. */
  get wantsPast() {
    return true;
  }

  /** Number of points of a series that can be told apart; 0 when few suffice. */
  get columns() {
    return 0;
  }

  /**
   * Returns the text for a history that could not be loaded.
   * @param {Error} failure
   */
  pastProblem({ message }) {
    return `The past could not be loaded: ${message}`;
  }

  /**
   * Shows whether the history is loading or failed, with a button to retry.
   * @param {PastStatus} status
   */
  showPast({ isLoading, failure, retry }) {
    this.root.dataset.past = failure ? "failed" : isLoading ? "loading" : "known";
    const text = failure ? `${this.pastProblem(failure)} ` : "";
    if (this.past.firstChild?.textContent === text) return;
    this.past.hidden = !failure;
    const again = element(
      "button", { type: "button", className: "text-button past-retry", onclick: retry }, "Try again");
    this.past.replaceChildren(...(failure ? [text, again] : []));
  }

  /**
   * Shows a message above the panel's content; an empty one hides it.
   * @param {string} text
   */
  showNotice(text) {
    setText(this.notice, text);
    this.notice.hidden = text === "";
  }

  /**
   * Whether a reading has one of the panel's metrics.
   * @param {Record<string, number>} data
   */
  shows(data) {
    return this.definition.metrics.some((metric) => Object.hasOwn(data, metric));
  }

  /** Share of a row of high panels; tiles are low and take none. */
  get rowShare() {
    return lowTypes.includes(this.definition.type) ? 0 : this.span / 12;
  }

  /** Whether the panel leaves room for another one beside it, even on a phone: it has a single series. */
  get isCompact() {
    const { type, devices, metrics } = this.definition;
    return lowTypes.includes(type) && metrics.length === 1 && devices.length === 1 && !devices[0].includes("*");
  }

  get windowMs() {
    return this.context.range().ms ?? this.definition.window_s * 1000;
  }

  /**
   * Returns the window to draw: a fixed range, the chosen range until now, or the panel's window. A panel's window is
   * shorter while less is known, so that a gateway that has just started has no empty charts.
   * @param {Series[]} series
   * @returns {{from: number, to: number}} Unix milliseconds of the gateway
   */
  view(series) {
    const { ms, span } = this.context.range();
    if (span) return span;
    const to = this.context.serverNow();
    if (ms) return { from: to - this.windowMs, to };
    let oldest = to - shortestWindowMs;
    for (const { points } of series) if (points.length > 0) oldest = Math.min(oldest, points.timeAt(0));
    return { from: Math.max(oldest, to - this.windowMs), to };
  }

  /**
   * Returns the age in milliseconds from which a series' value is stale: as configured, else by its usual interval.
   * @param {Series} series
   */
  staleMs({ intervalMs }) {
    const { stale_after_s: seconds } = this.definition;
    return seconds === undefined ? staleAfter(intervalMs) : seconds * 1000;
  }

  /**
   * Returns the distance in milliseconds up to which two points of a series are connected.
   * @param {Series} series
   * @param {number} leastMs
   */
  breakMs(series, leastMs) {
    return Math.max(this.staleMs(series), longestPause(series.intervalMs), leastMs);
  }

  /**
   * Whether a window ended before now, so that the latest values are not in it.
   * @param {{to: number}} view
   */
  isPast({ to }) {
    return to < this.context.serverNow() - pastMs;
  }

  /**
   * Returns the age of a series' value in milliseconds; NaN when it is unknown.
   * @param {Series} series
   */
  age(series) {
    return Math.max(0, this.context.serverNow() - series.time);
  }

  /**
   * Whether a series' value is stale. A value of unknown age counts as stale.
   * @param {Series} series
   */
  isStale(series) {
    return !(this.age(series) <= this.staleMs(series));
  }

  /** @param {Series} series */
  unit(series) {
    const { unit, units } = this.definition;
    return series.unit ?? own(units, series.metric) ?? unit;
  }

  /**
   * Returns the shortest distinct label of a series: device, metric, or both.
   * @param {Series} series
   */
  label(series) {
    const hasOneMetric = this.definition.metrics.length === 1;
    const hasOneDevice = this.definition.devices.length === 1 && !this.definition.devices[0].includes("*");
    if (hasOneMetric) return series.device;
    return hasOneDevice ? metricLabel(series.metric) : `${series.device} ${metricLabel(series.metric).toLowerCase()}`;
  }

  /**
   * Updates the series after some were added or removed.
   * @returns {boolean} whether they changed
   */
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

  /** Applies the theme's colours again. */
  restyle() {}

  /**
   * Draws the panel; called by the frame loop.
   * @param {number} frameTime
   */
  draw(frameTime) {
    throw new Error(`A panel of the type "${this.definition.type}" cannot draw at ${frameTime}.`);
  }

  destroy() {}

  /**
   * Returns the threshold that a value has crossed: a critical one, else the first in order; null when there is none.
   * @param {string} metric
   * @param {number} value
   * @returns {{level: "warning" | "critical", label?: string} | null}
   */
  crossedThreshold(metric, value) {
    /** @type {{level: "warning" | "critical", label?: string} | null} */
    let crossed = null;
    for (const threshold of this.definition.thresholds ?? []) {
      const { above = Infinity, below = -Infinity, level = "warning", metric: only = metric, label } = threshold;
      if (only !== metric || !(value > above || value < below)) continue;
      if (level === "critical") return { level, label };
      crossed ??= { level, label };
    }
    return crossed;
  }

  /**
   * Returns the panel's word for a value (a door is `Open`, not 1), or null.
   * @param {string} metric
   * @param {number} value
   * @returns {string | null}
   */
  stateText(metric, value) {
    const state = this.definition.states?.find((state) => state.value === value && (state.metric ?? metric) === metric);
    return state?.text ?? null;
  }

  #waitingText() {
    const { devices, metrics } = this.definition;
    const names = devices.length > 2 ? `${devices.slice(0, 2).join(", ")} and others` : devices.join(" and ");
    return `Waiting for ${metrics.map((metric) => metricLabel(metric).toLowerCase()).join(", ")} of ${names}`;
  }
}
