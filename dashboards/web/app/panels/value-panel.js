import { element, setData, setText } from "../dom.js";
import { formatAge, formatNumber, unitSuffix } from "../format.js";
import { judge, stateText } from "../judgement.js";
import { Panel } from "./panel.js";
import { Sparkline } from "./sparkline.js";

/** A younger value needs no words about its age. */
const quietAgeMs = 5_000;

/** Tiles with the current values: big number, unit, age and trend. */
export class ValuePanel extends Panel {
  #tiles = [];
  #list = element("ul", { className: "tiles" });

  constructor(definition, context) {
    super(definition, context);
    this.body.append(this.#list);
    // One tile leaves room for another panel beside it, even on a phone.
    const { devices, metrics } = definition;
    if (metrics.length === 1 && devices.length === 1 && !devices[0].includes("*")) this.root.dataset.compact = "true";
  }

  /** Of figures with small trends, it is no more than that. */
  pastProblem() {
    return "The trend could not be loaded.";
  }

  draw() {
    if (this.refreshSeries()) this.#build();
    for (const tile of this.#tiles) this.#update(tile);
  }

  #build() {
    for (const { spark } of this.#tiles) spark.destroy();
    this.#tiles = this.series.map((series) => {
      const tile = {
        series,
        value: element("span", { className: "tile-value" }),
        unit: element("span", { className: "tile-unit" }),
        note: element("span", { className: "tile-note" }),
        age: element("span", { className: "tile-age" }),
        spark: new Sparkline(() => this.context.loop.mark(this, { now: true })),
      };
      tile.root = element(
        "li",
        { className: "tile", dataset: { testid: "tile", device: series.device, metric: series.metric } },
        element("span", { className: "tile-label", textContent: this.label(series) }),
        element("span", { className: "tile-figure" }, tile.value, tile.unit),
        element("span", { className: "tile-foot" }, tile.note, tile.age),
        tile.spark.canvas,
      );
      return tile;
    });
    this.#list.replaceChildren(...this.#tiles.map(({ root }) => root));
  }

  #update({ root, series, value, unit, note, age, spark }) {
    const { thresholds, states, decimals } = this.definition;
    const state = stateText(states, series.metric, series.value);
    const isStale = this.isStale(series);
    const crossed = isStale ? null : judge(thresholds, series.metric, series.value);
    const view = { ...this.view([series]), breakMs: Math.max(this.staleMs, this.windowMs / 64) };
    spark.draw(series.track, view, this.context.palette.spark);
    setText(value, state ?? formatNumber(series.value, decimals));
    setText(unit, state === null ? unitSuffix(this.unit(series)) : "");
    setText(note, isStale ? "Stale" : (crossed?.label ?? this.#range(spark.trace, state)));
    setText(age, view.to - series.time < quietAgeMs ? "" : formatAge(this.age(series)));
    setData(root, "value", series.value);
    setData(root, "stale", isStale);
    setData(root, "level", crossed?.level);
    setData(root, "word", state === null ? null : "true");
  }

  /** Lowest to highest of the window, beneath the trend line. */
  #range({ count, lowest, highest }, state) {
    if (count < 2 || state !== null) return "";
    const { decimals } = this.definition;
    return `${formatNumber(lowest, decimals)} – ${formatNumber(highest, decimals)}`;
  }

  destroy() {
    for (const { spark } of this.#tiles) spark.destroy();
  }
}
