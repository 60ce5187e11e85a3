import { element, setData, setText, svgElement } from "../shared/dom.js";
import { formatAge, formatNumber, unitSuffix } from "../shared/format.js";
import { Panel } from "./panel.js";

/** Half a circle from left to right. Its length counts as 100. */
const arc = { d: "M 10 54 A 40 40 0 0 1 90 54", pathLength: 100, fill: "none" };
const zoneArc = { d: "M 3 54 A 47 47 0 0 1 97 54", pathLength: 100, fill: "none" };

/** @typedef {import("../series/series-store.js").Series} Series */
/**
 * @typedef {{series: Series, root: HTMLElement, meter: HTMLElement, arc: SVGElement, value: HTMLElement,
 *   unit: HTMLElement, note: HTMLElement}} Gauge
 */

/** Gauges with the current values between a lowest and a highest one; thresholds are zones along the edge. */
export class GaugePanel extends Panel {
  /** @type {Gauge[]} */
  #gauges = [];
  #list = element("ul", { className: "tiles gauges" });
  #min;
  #max;

  /**
   * @param {import("./panel.js").PanelDefinition} definition
   * @param {import("./panel.js").PanelContext} context
   */
  constructor(definition, context) {
    super(definition, context);
    this.#min = definition.min ?? 0;
    this.#max = definition.max ?? 100;
    this.body.append(this.#list);
  }

  get wantsPast() {
    return false;
  }

  draw() {
    if (this.refreshSeries()) this.#build();
    for (const gauge of this.#gauges) this.#update(gauge);
  }

  #build() {
    this.#gauges = this.series.map((series) => {
      const label = this.label(series);
      const filled = svgElement("path", { ...arc, class: "gauge-value", "stroke-dasharray": "0 200" });
      const zones = zonesOf(this.definition.thresholds ?? [], series.metric, this.#min, this.#max).map((zone) =>
        svgElement("path", {
          ...zoneArc, class: "gauge-zone", "data-level": zone.level,
          "stroke-dasharray": `0 ${zone.from * 100} ${(zone.to - zone.from) * 100} 200`,
        }));
      /** @type {Gauge} */
      const gauge = {
        series, arc: filled,
        root: element("li", {
          className: "tile", dataset: { testid: "gauge", device: series.device, metric: series.metric },
        }),
        meter: element("div", {
          className: "gauge", attributes: {
            role: "meter", "aria-label": label, "aria-valuemin": this.#min, "aria-valuemax": this.#max,
          },
        }),
        value: element("span", { className: "tile-value" }),
        unit: element("span", { className: "tile-unit" }),
        note: element("span", { className: "tile-note" }),
      };
      gauge.meter.append(
        svgElement("svg", { viewBox: "0 0 100 57", preserveAspectRatio: "xMidYMax meet", "aria-hidden": "true" },
          svgElement("path", { ...arc, class: "gauge-track" }), ...zones, filled),
        element("span", { className: "gauge-figure" }, gauge.value, gauge.unit));
      gauge.root.append(
        element("span", { className: "tile-label", textContent: label }), gauge.meter,
        element("span", { className: "tile-foot" },
          element("span", {}, formatNumber(this.#min, 0)), gauge.note,
          element("span", {}, formatNumber(this.#max, 0))));
      return gauge;
    });
    this.#list.replaceChildren(...this.#gauges.map(({ root }) => root));
  }

  /** @param {Gauge} gauge */
  #update({ series, root, meter, arc: filled, value, unit, note }) {
    const isStale = this.isStale(series);
    const crossed = isStale ? null : this.crossedThreshold(series.metric, series.value);
    const text = formatNumber(series.value, this.definition.decimals);
    const suffix = unitSuffix(this.unit(series));
    const length = `${(share(series.value, this.#min, this.#max) * 100).toFixed(1)} 200`;
    if (filled.getAttribute("stroke-dasharray") !== length) filled.setAttribute("stroke-dasharray", length);
    setText(value, text);
    setText(unit, suffix);
    setText(note, isStale ? `Stale, ${formatAge(this.age(series))}` : (crossed?.label ?? ""));
    setData(root, "value", series.value);
    setData(root, "stale", isStale);
    setData(root, "level", crossed?.level);
    const spoken = `${text}${suffix}${isStale ? ", stale" : crossed ? `, ${crossed.label ?? crossed.level}` : ""}`;
    if (meter.getAttribute("aria-valuetext") === spoken) return;
    meter.setAttribute("aria-valuetext", spoken);
    meter.setAttribute("aria-valuenow", String(Number.isFinite(series.value) ? series.value : this.#min));
  }
}

/**
 * Returns the place of a value between two others, from 0 to 1; 0 without a value.
 * @param {number} value
 * @param {number} min
 * @param {number} max
 */
export function share(value, min, max) {
  return Number.isFinite(value) ? Math.max(0, Math.min(1, (value - min) / (max - min))) : 0;
}

/**
 * Returns the zones of thresholds as shares of a scale, critical ones last, so that they cover others.
 * @param {import("../shared/gateway-types.js").Threshold[]} thresholds
 * @param {string} metric
 * @param {number} min
 * @param {number} max
 */
export function zonesOf(thresholds, metric, min, max) {
  return thresholds
    .filter(({ metric: only = metric }) => only === metric)
    .map(({ above, below, level = "warning" }) => ({
      level, from: above === undefined ? 0 : share(above, min, max),
      to: below === undefined ? 1 : share(below, min, max),
    }))
    .filter(({ from, to }) => from < to)
    .sort((a, b) => Number(a.level === "critical") - Number(b.level === "critical"));
}
