import { formatMoment, formatNumber, unitSuffix } from "../format.js";
import { metricLabel } from "../names.js";

/** So many series have room for lowest and highest in the legend. */
const maxRanges = 3;

/** What a chart shows, in words and numbers. */
export class ChartReadout {
  #panel;

  /** @param {import("./panel.js").Panel} panel */
  constructor(panel) {
    this.#panel = panel;
  }

  text(series, value) {
    return `${formatNumber(value, this.#panel.definition.decimals)}${unitSuffix(this.#panel.unit(series))}`;
  }

  /** The reading closest to a time; of a bucket the mean, and with few series lowest and highest. */
  at(series, time) {
    const { track } = series;
    const index = this.#indexAt(series, time);
    if (index < 0) return "–";
    const mean = this.text(series, track.valueAt(index));
    if (track.countAt(index) === 1 || this.#panel.series.length > maxRanges) return mean;
    const { decimals } = this.#panel.definition;
    return `${mean} (${formatNumber(track.lowAt(index), decimals)} – ${formatNumber(track.highAt(index), decimals)})`;
  }

  /** A point, as it is spoken and as its trace is headed. */
  point({ series, time, value, low, high, count }) {
    const name = `${series.device} ${metricLabel(series.metric).toLowerCase()}`;
    const range = count > 1 ? ` on average, ${this.text(series, low)} to ${this.text(series, high)}` : "";
    return `${name} ${this.text(series, value)}${range}, ${formatMoment(time, this.#panel.windowMs)}`;
  }

  /** Too many series to name: the one that is pointed at, or lowest, median and highest. */
  bundle(all, hover) {
    const nearest = hover && this.nearest(all, hover);
    if (nearest) return `${this.#panel.label(nearest)}  ${this.at(nearest, hover.time)}`;
    const fresh = all.filter((series) => !this.#panel.isStale(series)).sort((a, b) => a.value - b.value);
    if (fresh.length === 0) return `${all.length} series, all of them stale`;
    const name = (series) => `${this.text(series, series.value)} (${this.#panel.label(series)})`;
    const [low, middle, high] = [fresh[0], fresh[fresh.length >> 1], fresh.at(-1)];
    return `${all.length} series  ·  ${name(low)}  –  median ${this.text(middle, middle.value)}  –  ${name(high)}`;
  }

  /** The series whose line is closest to a place. @param {{time: number, value: number}} hover */
  nearest(all, hover) {
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

  /** The place of the reading or bucket closest to a time; −1 when none is near. */
  #indexAt({ track }, time) {
    if (track.length === 0) return -1;
    const after = Math.min(track.indexAt(time), track.length - 1);
    const before = Math.max(0, after - 1);
    const index = Math.abs(track.timeAt(after) - time) < Math.abs(track.timeAt(before) - time) ? after : before;
    return Math.abs(track.timeAt(index) - time) <= Math.max(this.#panel.staleMs, track.widthMs ?? 0) ? index : -1;
  }
}
