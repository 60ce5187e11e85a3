/** So near, in pixels, the pointer means a point. */
const reachPixels = 28;

/**
 * Which point of a chart is meant: the one nearest to the pointer, or the one that the arrow keys chose.
 *
 * A point is known by its series and time, not by its place: places change with every reading.
 */
export class PointCursor {
  /**
   * Of a bucket, `value` is the mean of its `count` readings.
   * @type {{series: import("../series-store.js").Series, time: number, value: number, low: number, high: number,
   *   count: number} | null}
   */
  point = null;

  clear() {
    this.point = null;
  }

  /**
   * Takes the point nearest to a place on the canvas, if one is near.
   * @param {import("./line-chart.js").LineChart} chart
   * @param {import("../series-store.js").Series[]} shown
   */
  moveTo(chart, shown, x, y) {
    const from = chart.at(x - reachPixels, y)?.time ?? -Infinity;
    const to = chart.at(x + reachPixels, y)?.time ?? Infinity;
    let least = reachPixels;
    this.point = null;
    for (const series of shown) {
      const points = series.track;
      for (let index = points.indexAt(from); index < points.length && points.timeAt(index) <= to; index += 1) {
        const distance = chart.distance(x, y, points.timeAt(index), points.valueAt(index));
        if (distance > least) continue;
        least = distance;
        this.#take(series, index);
      }
    }
  }

  /**
   * Goes on by one key.
   * @param {string} key as the event names it
   * @param {import("../series-store.js").Series[]} shown
   * @returns {boolean} whether the key is one that moves
   */
  step(key, shown) {
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(key)) return false;
    const current = shown.indexOf(this.point?.series);
    const lines = key === "ArrowUp" ? -1 : key === "ArrowDown" ? 1 : 0;
    const series = shown[current < 0 ? 0 : (current + lines + shown.length) % shown.length];
    if (!series || series.track.length === 0) return true;
    const points = series.track;
    const last = points.length - 1;
    if (current < 0 || key === "End") this.#take(series, last);
    else if (key === "Home") this.#take(series, 0);
    else {
      const by = key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0;
      this.#take(series, Math.max(0, Math.min(last, points.indexAt(this.point.time) + by)));
    }
    return true;
  }

  #take(series, index) {
    const { track } = series;
    this.point = {
      series, time: track.timeAt(index), value: track.valueAt(index),
      low: track.lowAt(index), high: track.highAt(index), count: track.countAt(index),
    };
  }
}
