import { BarPanel } from "../panels/bar-panel.js";
import { ChartPanel } from "../panels/chart-panel.js";
import { GaugePanel } from "../panels/gauge-panel.js";
import { StateTimelinePanel } from "../panels/state-timeline-panel.js";
import { TablePanel } from "../panels/table-panel.js";
import { ValuePanel } from "../panels/value-panel.js";
import { byID, setText } from "../shared/dom.js";
import { filledRows } from "./panel-layout.js";

const panelTypes = {
  bar: BarPanel, chart: ChartPanel, gauge: GaugePanel, "state-timeline": StateTimelinePanel, table: TablePanel,
  value: ValuePanel,
};
/** Devices whose interested panels are cached. */
const maxRememberedDevices = 10_000;
/** Time after the join from which a dashboard without readings is shown as empty. */
const emptyAfterMs = 1_500;

/** @typedef {import("../panels/panel.js").Panel} Panel */
/** @typedef {import("../shared/gateway-types.js").Dashboard} Dashboard */

/** A dashboard or a device on the page: its panels, and the panels that a reading changes. */
export class DashboardView {
  #grid = byID("panels", "div");
  /** @type {Panel[]} */
  #panels = [];
  /**
   * Cache of the panels that show a device.
   * @type {Map<string, Panel[]>}
   */
  #panelsByDevice = new Map();
  #context;
  #observer;
  #joinedAt = Infinity;
  /** Whether a panel has had a reading. */
  #hasReadings = false;
  #countedRevision = -1;
  #deviceCount = 0;

  /**
   * @param {Dashboard} definition
   * @param {import("../panels/panel.js").PanelContext & {emptyState: import("./empty-state.js").EmptyState}} context
   */
  constructor(definition, context) {
    this.#context = context;
    if (definition.description) setText(byID("dashboard-description", "p"), definition.description);
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "120px" });
    for (const panel of definition.panels) {
      const PanelType = panelTypes[panel.type];
      if (PanelType) this.#panels.push(new PanelType(panel, context));
      else console.warn(`The panel "${panel.title}" is of the unknown type "${panel.type}".`);
    }
    this.#grid.replaceChildren(...this.#panels.map(({ root }) => root));
    this.#layOut();
    for (const { root } of this.#panels) this.#observer.observe(root);
    // Fewer rows are taller, so that a dashboard fills the screen.
    const rows = this.#panels.reduce((sum, panel) => sum + panel.rowShare, 0);
    this.#grid.dataset.rows = String(Math.min(3, Math.ceil(rows)));
    if (!context.isDevicePage) context.emptyState.open(definition.panels[0]);
    this.markAll();
  }

  /** Sets the widths on narrow screens, which have no room for the dashboard's own ones. */
  #layOut() {
    const medium = filledRows(this.#panels.map(({ span }) => (span > 6 ? 12 : 6)));
    const narrow = filledRows(this.#panels.map(({ isCompact }) => (isCompact ? 6 : 12)));
    for (const [index, { root: { style } }] of this.#panels.entries()) {
      style.setProperty("--span-medium", String(medium[index]));
      style.setProperty("--span-narrow", String(narrow[index]));
    }
  }

  /** Notes that the rooms are joined: a dashboard without readings is now known to be empty. */
  joined() {
    if (this.#joinedAt === Infinity) this.#joinedAt = performance.now();
  }

  /**
   * Marks the panels that a reading changes.
   * @param {import("../../windsock-client.js").DataUpdate} update
   * @param {import("../latency/paint-watch.js").Waiting | null} waiting the reading's trace, which ends when it is
   *   painted
   * @returns {boolean} whether there is such a panel
   */
  received(update, waiting) {
    const { device, data } = update;
    let panels = this.#panelsByDevice.get(device);
    if (!panels) {
      panels = this.#panels.filter((panel) => panel.isInterestedIn(device));
      if (this.#panelsByDevice.size < maxRememberedDevices) this.#panelsByDevice.set(device, panels);
      if (panels.length > 0) this.#context.past.heard(device);
    }
    const marked = panels.filter((panel) => panel.shows(data));
    for (const panel of marked) this.#context.loop.mark(panel);
    if (!this.#hasReadings) {
      if (marked.length > 0) this.#showPanels();
      else this.#context.emptyState.received(update);
    }
    if (waiting && marked.length > 0) this.#context.paints.wait(marked.filter(({ isVisible }) => isVisible), waiting);
    return marked.length > 0;
  }

  /** Marks all panels, because ages and time axes change without readings, too. */
  markAll() {
    for (const panel of this.#panels) this.#context.loop.mark(panel);
    const isEmpty = !this.#context.isDevicePage && !this.#hasReadings
      && performance.now() - this.#joinedAt > emptyAfterMs && this.deviceCount === 0;
    this.#context.emptyState.show(isEmpty);
    this.#grid.hidden = isEmpty;
  }

  /** Replaces the card of the empty state with the first reading. */
  #showPanels() {
    this.#hasReadings = true;
    this.markAll();
  }

  /** Number of devices that the panels show, whether or not they are scrolled into view. */
  get deviceCount() {
    const { store } = this.#context;
    if (this.#countedRevision !== store.revision) {
      this.#countedRevision = store.revision;
      this.#deviceCount = [...store.deviceNames].filter((device) => this.#shows(device)).length;
    }
    return this.#deviceCount;
  }

  /** @param {string} device */
  #shows(device) {
    return this.#panels.some((panel) => panel.isInterestedIn(device)
      && panel.definition.metrics.some((metric) => this.#context.store.series(device, metric)));
  }

  get panels() {
    return this.#panels;
  }

  /** The window of the first chart, in Unix milliseconds of the gateway; undefined without a chart. */
  get shownSpan() {
    const panel = this.#panels.find(({ definition: { type } }) => type === "chart") ?? this.#panels[0];
    return panel?.view(panel.series);
  }

  restyle() {
    for (const panel of this.#panels) panel.restyle();
    this.redraw();
  }

  /** Redraws everything at once, after an action of the user. */
  redraw() {
    for (const panel of this.#panels) this.#context.loop.mark(panel, { now: true });
  }

  destroy() {
    this.#observer.disconnect();
    for (const panel of this.#panels) {
      this.#context.loop.forget(panel);
      this.#context.paints.forget(panel);
      panel.destroy();
    }
    this.#grid.replaceChildren();
    this.#context.emptyState.show(false);
    this.#grid.hidden = false;
  }

  /**
   * Takes changes of visibility.
   * @param {IntersectionObserverEntry[]} entries
   */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const panel = this.#panels.find(({ root }) => root === target);
      if (!panel) continue;
      panel.isVisible = isIntersecting;
      if (isIntersecting) this.#context.loop.mark(panel, { now: true });
      else this.#context.paints.forget(panel);
    }
  }
}
