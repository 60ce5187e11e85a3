import { element, setData, setText } from "../dom.js";
import { formatAge, formatNumber, unitSuffix } from "../format.js";
import { judge, stateText } from "../judgement.js";
import { metricLabel } from "../names.js";
import { Panel } from "./panel.js";

/** Devices by metrics. */
export class TablePanel extends Panel {
  #rows = [];
  #body = element("tbody");

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
    const byDevice = new Map();
    for (const series of this.series) {
      if (!byDevice.has(series.device)) byDevice.set(series.device, []);
      byDevice.get(series.device).push(series);
    }
    this.#rows = [...byDevice].map(([device, known]) => {
      const cells = this.definition.metrics.map((metric) => {
        const series = known.find((series) => series.metric === metric);
        return { series, root: element("td", { textContent: "–", dataset: { testid: "cell", device, metric } }) };
      });
      const updated = element("td", { className: "table-age" });
      const root = element(
        "tr", { dataset: { device } },
        element("th", { scope: "row", textContent: device }), ...cells.map((cell) => cell.root), updated);
      return { root, cells, updated };
    });
    this.#body.replaceChildren(...this.#rows.map(({ root }) => root));
  }

  #update({ root, cells, updated }) {
    const { thresholds, states, decimals } = this.definition;
    let youngest = NaN;
    for (const { series, root: cell } of cells) {
      if (!series) continue;
      const state = stateText(states, series.metric, series.value);
      const isStale = this.isStale(series);
      const crossed = isStale ? null : judge(thresholds, series.metric, series.value);
      setText(cell, state ?? `${formatNumber(series.value, decimals)}${unitSuffix(this.unit(series))}`);
      setData(cell, "value", series.value);
      setData(cell, "stale", isStale);
      setData(cell, "level", crossed?.level);
      cell.title = crossed?.label ?? "";
      const age = this.age(series);
      if (!(age >= youngest)) youngest = Number.isNaN(age) ? youngest : age;
    }
    setText(updated, formatAge(youngest));
    setData(root, "stale", !(youngest <= this.staleMs));
  }
}
