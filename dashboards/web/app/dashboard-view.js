import { setText } from "./dom.js";
import { ChartPanel } from "./panels/chart-panel.js";
import { TablePanel } from "./panels/table-panel.js";
import { ValuePanel } from "./panels/value-panel.js";

const panelTypes = { chart: ChartPanel, table: TablePanel, value: ValuePanel };
/** Devices for which it is remembered which panels want them. */
const maxRememberedDevices = 10_000;
/** So long after joining nothing has come, there is nothing: before that it may be on its way. */
const emptyAfterMs = 1_500;

/** One dashboard on the page: its panels, and which of them a reading changes. */
export class DashboardView {
  #grid = document.getElementById("panels");
  #empty = document.getElementById("empty");
  #panels = [];
  /** @type {Map<string, object[]>} */
  #panelsByDevice = new Map();
  #context;
  #observer;
  #definition;
  #joinedAt = Infinity;

  /** @param {object} definition as `/api/dashboards` gives it @param {object} context see {@link Panel} */
  constructor(definition, context) {
    this.#definition = definition;
    this.#context = context;
    setText(document.getElementById("dashboard-title"), definition.title);
    setText(document.getElementById("dashboard-description"), definition.description ?? "");
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "120px" });
    for (const panel of definition.panels) {
      const Panel = panelTypes[panel.type];
      if (Panel) this.#panels.push(new Panel(panel, context));
      else console.warn(`The panel "${panel.title}" is of the unknown type "${panel.type}".`);
    }
    this.#grid.replaceChildren(...this.#panels.map(({ root }) => root));
    for (const { root } of this.#panels) this.#observer.observe(root);
    // Fewer rows may be higher, so that a page fills a screen.
    this.#grid.dataset.rows = Math.min(3, Math.ceil(this.#panels.reduce((sum, panel) => sum + panel.rowShare, 0)));
    this.#fillHint();
    this.markAll();
  }

  /** Says that the rooms are joined: from now on it is known whether there is anything. */
  joined() {
    if (this.#joinedAt === Infinity) this.#joinedAt = performance.now();
  }

  /**
   * Marks the panels that a reading changes.
   * @param {import("../windsock-client.js").DataUpdate} update
   * @param {import("./paint-watch.js").Waiting | null} waiting for the reading to be painted
   * @returns {boolean} whether there is one
   */
  received({ device, data }, waiting) {
    let panels = this.#panelsByDevice.get(device);
    if (!panels) {
      panels = this.#panels.filter((panel) => panel.isInterestedIn(device));
      if (this.#panelsByDevice.size < maxRememberedDevices) this.#panelsByDevice.set(device, panels);
      if (panels.length > 0) this.#context.past.heard(device);
    }
    const marked = panels.filter((panel) => panel.shows(data));
    for (const panel of marked) this.#context.loop.mark(panel);
    if (waiting && marked.length > 0) this.#context.paints.wait(marked.filter(({ isVisible }) => isVisible), waiting);
    return marked.length > 0;
  }

  /** Ages and time axes move on without readings, too. */
  markAll() {
    for (const panel of this.#panels) this.#context.loop.mark(panel);
    const isEmpty =
      performance.now() - this.#joinedAt > emptyAfterMs && this.#panels.every(({ series }) => series.length === 0);
    this.#empty.hidden = !isEmpty;
    this.#grid.hidden = isEmpty;
  }

  /** How many devices the panels show. */
  get deviceCount() {
    return new Set(this.#panels.flatMap(({ series }) => series.map(({ device }) => device))).size;
  }

  get panels() {
    return this.#panels;
  }

  restyle() {
    for (const panel of this.#panels) panel.restyle();
    this.redraw();
  }

  /** Draws everything anew, in answer to the user. */
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
    this.#empty.hidden = true;
    this.#grid.hidden = false;
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const panel = this.#panels.find(({ root }) => root === target);
      panel.isVisible = isIntersecting;
      if (isIntersecting) this.#context.loop.mark(panel, { now: true });
      else this.#context.paints.forget(panel);
    }
  }

  /** A command that makes the first reading, with names that this dashboard shows. */
  #fillHint() {
    const { devices: [pattern], metrics } = this.#definition.panels[0];
    const device = pattern.includes("*") ? pattern.replaceAll("*", "1") : pattern;
    const payload = JSON.stringify({ [metrics[0]]: 21.5 });
    setText(document.getElementById("empty-command"), `mosquitto_pub -t sensors/${device} -m '${payload}'`);
  }
}
