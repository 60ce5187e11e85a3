import { element, setData, setText } from "../shared/dom.js";
import { formatAge, formatNumber, unitSuffix } from "../shared/format.js";
import { metricLabel } from "../shared/names.js";
import { deviceLink } from "../shared/places.js";
import { Panel } from "./panel.js";

/** @typedef {import("../series/series-store.js").Series} Series */
/**
 * @typedef {{root: HTMLElement, cells: {series: Series | undefined, root: HTMLElement}[], updated: HTMLElement}} Row
 */

/** A table of devices by metrics. */
export class TablePanel extends Panel {
  /** @type {Row[]} */
  #rows = [];
  #body = element("tbody");

  /**
   * @param {import("./panel.js").PanelDefinition} definition
   * @param {import("./panel.js").PanelContext} context
   */
  constructor(definition, context) {
    super(definition, context);
    const headings = ["Device", ...definition.metrics.map(metricLabel), "Updated"];
    const scroller = element(
      "div",
      { className: "scroller", tabIndex: 0, attributes: { role: "region", "aria-label": definition.title } },
      element(
        "table", { className: "table" },
        element("caption", { className: "visually-hidden", textContent: definition.title }),
        element("thead", {}, element("tr", {},
          ...headings.map((name) => element("th", { scope: "col", textContent: name })))),
        this.#body,
      ),
    );
    this.body.append(scroller);
  }

  get wantsPast() {
    return false;
  }

  draw() {
    if (this.refreshSeries()) this.#build();
    for (const row of this.#rows) this.#update(row);
  }

  #build() {
    /** @type {Map<string, Series[]>} */
    const byDevice = new Map();
    for (const series of this.series) {
      const known = byDevice.get(series.device);
      if (known) known.push(series);
      else byDevice.set(series.device, [series]);
    }
    this.#rows = [...byDevice].map(([device, known]) => {
      const cells = this.definition.metrics.map((metric) => {
        const series = known.find((series) => series.metric === metric);
        return { series, root: element("td", { textContent: "–", dataset: { testid: "cell", device, metric } }) };
      });
      const updated = element("td", { className: "table-age" });
      const root = element(
        "tr", { dataset: { device } },
        element("th", { scope: "row" }, deviceLink(device)), ...cells.map((cell) => cell.root), updated);
      return { root, cells, updated };
    });
    this.#body.replaceChildren(...this.#rows.map(({ root }) => root));
  }

  /** @param {Row} row */
  #update({ root, cells, updated }) {
    const { decimals } = this.definition;
    let youngest = NaN;
    let hasCurrent = false;
    for (const { series, root: cell } of cells) {
      if (!series) continue;
      const state = this.stateText(series.metric, series.value);
      const isStale = this.isStale(series);
      if (!isStale) hasCurrent = true;
      const crossed = isStale ? null : this.crossedThreshold(series.metric, series.value);
      setText(cell, state ?? `${formatNumber(series.value, decimals)}${unitSuffix(this.unit(series))}`);
      setData(cell, "value", series.value);
      setData(cell, "stale", isStale);
      setData(cell, "level", crossed?.level);
      cell.title = crossed?.label ?? "";
      const age = this.age(series);
      if (!(age >= youngest)) youngest = Number.isNaN(age) ? youngest : age;
    }
    setText(updated, formatAge(youngest));
    setData(root, "stale", !hasCurrent);
  }
}
