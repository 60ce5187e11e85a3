import { ValueAxis } from "../charts/axis.js";
import { element, setData, setText } from "../shared/dom.js";
import { formatAge, formatNumber, unitSuffix } from "../shared/format.js";
import { share } from "./gauge-panel.js";
import { Panel } from "./panel.js";

/** @typedef {import("../series/series-store.js").Series} Series */
/** @typedef {{series: Series, root: HTMLElement, bar: HTMLElement, text: HTMLElement}} Row */

/** Bars that compare the current values of several devices or metrics on one scale. */
export class BarPanel extends Panel {
  /** @type {Row[]} */
  #rows = [];
  #list = element("div", { className: "bars" });
  #axis;

  /**
   * @param {import("./panel.js").PanelDefinition} definition
   * @param {import("./panel.js").PanelContext} context
   */
  constructor(definition, context) {
    super(definition, context);
    const { min, max, decimals } = definition;
    this.#axis = new ValueAxis({ min, max, decimals });
    this.body.append(element(
      "div",
      { className: "scroller", tabIndex: 0, attributes: { role: "group", "aria-label": `${definition.title}, bars` } },
      this.#list));
  }

  get wantsPast() {
    return false;
  }

  draw() {
    if (this.refreshSeries()) this.#build();
    const values = this.series.map(({ value }) => value).filter(Number.isFinite);
    // A bar begins at zero, or its length would mean nothing.
    if (values.length > 0) this.#axis.fit(Math.min(0, ...values), Math.max(0, ...values), 4);
    for (const row of this.#rows) this.#update(row);
  }

  #build() {
    this.#rows = this.series.map((series) => {
      const label = this.label(series);
      const row = {
        series, bar: element("span", { className: "bar-fill" }), text: element("span", { className: "bar-value" }),
        root: element("div", {
          className: "bar-row", attributes: { role: "meter", "aria-label": label },
          dataset: { testid: "bar", device: series.device, metric: series.metric },
        }),
      };
      row.root.append(
        element("span", { className: "bar-label", textContent: label }),
        element("span", { className: "bar-track" }, row.bar), row.text);
      return row;
    });
    this.#list.replaceChildren(...this.#rows.map(({ root }) => root));
  }

  /** @param {Row} row */
  #update({ series, root, bar, text }) {
    const { min, max } = this.#axis;
    const isStale = this.isStale(series);
    const crossed = isStale ? null : this.crossedThreshold(series.metric, series.value);
    const [zero, end] = [share(0, min, max), share(series.value, min, max)];
    setShare(bar, "--from", Math.min(zero, end));
    setShare(bar, "--to", Number.isFinite(series.value) ? Math.max(zero, end) : zero);
    const value = `${formatNumber(series.value, this.definition.decimals)}${unitSuffix(this.unit(series))}`;
    setText(text, value);
    setData(root, "value", series.value);
    setData(root, "stale", isStale);
    setData(root, "level", crossed?.level);
    text.title = isStale ? `Stale, ${formatAge(this.age(series))}` : (crossed?.label ?? "");
    const spoken = `${value}${isStale ? ", stale" : crossed ? `, ${crossed.label ?? crossed.level}` : ""}`;
    if (root.getAttribute("aria-valuetext") === spoken) return;
    root.setAttribute("aria-valuetext", spoken);
    root.setAttribute("aria-valuemin", String(min));
    root.setAttribute("aria-valuemax", String(max));
    root.setAttribute("aria-valuenow", String(Number.isFinite(series.value) ? series.value : min));
  }
}

/**
 * @param {HTMLElement} node
 * @param {string} name
 * @param {number} value
 */
function setShare({ style }, name, value) {
  const text = `${(value * 100).toFixed(1)}%`;
  if (style.getPropertyValue(name) !== text) style.setProperty(name, text);
}
