import { Sparkline } from "../charts/sparkline.js";
import { element, setData, setText } from "../shared/dom.js";
import { formatAge, formatNumber, unitSuffix } from "../shared/format.js";
import { deviceLink } from "../shared/places.js";
import { Panel } from "./panel.js";

/** Age up to which a tile does not show the age. */
const quietAgeMs = 5_000;

/** @typedef {import("../series/series-store.js").Series} Series */
/**
 * @typedef {{series: Series, root: HTMLElement, value: HTMLElement, unit: HTMLElement, note: HTMLElement,
 *   age: HTMLElement, spark: Sparkline}} Tile
 */

/** Tiles with the current values: number, unit, age and trend. */
export class ValuePanel extends Panel {
  /** @type {Tile[]} */
  #tiles = [];
  #list = element("ul", { className: "tiles" });

  /**
   * @param {import("./panel.js").PanelDefinition} definition
   * @param {import("./panel.js").PanelContext} context
   */
  constructor(definition, context) {
    super(definition, context);
    this.body.append(this.#list);
  }

  /** Returns the text for a history that could not be loaded: only the trends are missing. */
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
      /** @type {Tile} */
      const tile = {
        series,
        root: element("li", {
          className: "tile", dataset: { testid: "tile", device: series.device, metric: series.metric },
        }),
        value: element("span", { className: "tile-value" }),
        unit: element("span", { className: "tile-unit" }),
        note: element("span", { className: "tile-note" }),
        age: element("span", { className: "tile-age" }),
        spark: new Sparkline(() => this.context.loop.mark(this, { now: true })),
      };
      tile.root.append(
        element("span", { className: "tile-label" },
          this.context.isDevicePage ? this.label(series) : deviceLink(series.device, this.label(series))),
        element("span", { className: "tile-figure" }, tile.value, tile.unit),
        element("span", { className: "tile-foot" }, tile.note, tile.age),
        tile.spark.canvas,
      );
      return tile;
    });
    this.#list.replaceChildren(...this.#tiles.map(({ root }) => root));
  }

  /** @param {Tile} tile */
  #update({ root, series, value, unit, note, age, spark }) {
    const { decimals } = this.definition;
    const state = this.stateText(series.metric, series.value);
    const isStale = this.isStale(series);
    const crossed = isStale ? null : this.crossedThreshold(series.metric, series.value);
    const view = { ...this.view([series]), breakMs: this.breakMs(series, this.windowMs / 64) };
    spark.draw(series.track, view, this.context.palette.spark, this.isPast(view) ? null : series);
    setText(value, state ?? formatNumber(series.value, decimals));
    setText(unit, state === null ? unitSuffix(this.unit(series)) : "");
    setText(note, isStale ? "Stale" : (crossed?.label ?? this.#range(spark.line, state)));
    setText(age, this.age(series) < quietAgeMs ? "" : formatAge(this.age(series)));
    setData(root, "value", series.value);
    setData(root, "stale", isStale);
    setData(root, "level", crossed?.level);
    setData(root, "word", state === null ? null : "true");
  }

  /**
   * Returns the range of the window, which stands beneath the trend line.
   * @param {import("../charts/polyline.js").Polyline} line
   * @param {string | null} state
   */
  #range({ count, lowest, highest }, state) {
    if (count < 2 || state !== null) return "";
    const { decimals } = this.definition;
    return `${formatNumber(lowest, decimals)} – ${formatNumber(highest, decimals)}`;
  }

  destroy() {
    for (const { spark } of this.#tiles) spark.destroy();
  }
}
