import { formatMoment, formatNumber, unitSuffix } from "../shared/format.js";
import { metricLabel } from "../shared/names.js";

/** Series up to which the legend has room for lowest and highest. */
const maxRanges = 3;

/** @typedef {import("../series/series-store.js").Series} Series */
/** @typedef {import("./line-chart.js").ChartPlace} ChartPlace */

/** Texts for the values of a chart. */
export class ChartReadout {
  #panel;

  /** @param {import("../panels/panel.js").Panel} panel */
  constructor(panel) {
    this.#panel = panel;
  }

  /**
   * @param {Series} series
   * @param {number} value
   */
  text(series, value) {
    return `${formatNumber(value, this.#panel.definition.decimals)}${unitSuffix(this.#panel.unit(series))}`;
  }

  /**
   * Returns the reading closest to a time; for a bucket the mean, and with few series lowest and highest.
   * @param {Series} series
   * @param {number} time
   */
  at(series, time) {
    return this.#textAt(series, this.#indexAt(series, time));
  }

  /**
   * Returns the last reading of a window, formatted like {@link at}.
   * @param {Series} series
   * @param {{from: number, to: number}} window
   */
  last(series, { from, to }) {
    const index = series.track.indexAt(to) - 1;
    return this.#textAt(series, index >= 0 && series.track.timeAt(index) >= from ? index : -1);
  }

  /**
   * @param {Series} series
   * @param {number} index −1: none
   */
  #textAt(series, index) {
    const { track } = series;
    if (index < 0) return "–";
    const mean = this.text(series, track.valueAt(index));
    if (track.countAt(index) === 1 || this.#panel.series.length > maxRanges) return mean;
    const { decimals } = this.#panel.definition;
    return `${mean} (${formatNumber(track.lowAt(index), decimals)} – ${formatNumber(track.highAt(index), decimals)})`;
  }

  /**
   * Describes a point for screen readers and for the heading of its trace.
   * @param {import("./chart-pointer.js").ChartPoint} point
   */
  point({ series, time, value, low, high, count }) {
    const name = `${series.device} ${metricLabel(series.metric).toLowerCase()}`;
    const range = count > 1 ? ` on average, ${this.text(series, low)} to ${this.text(series, high)}` : "";
    return `${name} ${this.text(series, value)}${range}, ${formatMoment(time, this.#panel.windowMs)}`;
  }

  /**
   * Summarises many series: the one under the pointer, or lowest, median and highest.
   * @param {Series[]} all
   * @param {ChartPlace | null} hover
   */
  bundle(all, hover) {
    const nearest = hover && this.nearest(all, hover);
    if (nearest) return `${this.#panel.label(nearest)}  ${this.at(nearest, hover.time)}`;
    const fresh = all.filter((series) => !this.#panel.isStale(series)).sort((a, b) => a.value - b.value);
    if (fresh.length === 0) return `${all.length} series, all of them stale`;
    /** @param {Series} series */
    const name = (series) => `${this.text(series, series.value)} (${this.#panel.label(series)})`;
    const [low, middle, high] = [fresh[0], fresh[fresh.length >> 1], fresh[fresh.length - 1]];
    return `${all.length} series  ·  ${name(low)}  –  median ${this.text(middle, middle.value)}  –  ${name(high)}`;
  }

  /**
   * Returns the series whose line is closest to a place.
   * @param {Series[]} all
   * @param {ChartPlace} hover
   */
  nearest(all, hover) {
    /** @type {Series | null} */
    let nearest = null;
    let least = Infinity;
    for (const series of all) {
      const index = this.#indexAt(series, hover.time);
      if (index < 0) continue;
      const distance = Math.abs(series.track.valueAt(index) - hover.value);
      if (distance < least) [nearest, least] = [series, distance];
    }
    return nearest;
  }

  /**
   * Returns the index of the reading or bucket closest to a time; −1 when none is near.
   * @param {Series} series
   * @param {number} time
   */
  #indexAt(series, time) {
    const { track } = series;
    if (track.length === 0) return -1;
    const after = Math.min(track.indexAt(time), track.length - 1);
    const before = Math.max(0, after - 1);
    const index = Math.abs(track.timeAt(after) - time) < Math.abs(track.timeAt(before) - time) ? after : before;
    const reachMs = this.#panel.breakMs(series, "widthMs" in track ? track.widthMs : 0);
    return Math.abs(track.timeAt(index) - time) <= reachMs ? index : -1;
  }
}
