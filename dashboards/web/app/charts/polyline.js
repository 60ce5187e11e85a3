/** @typedef {import("../series/point-buffer.js").PointBuffer} PointBuffer */
/** @typedef {import("../series/bucket-buffer.js").BucketBuffer} BucketBuffer */

/**
 * The line of a series as a chart draws it, in arrays that are reused for every frame. A NaN value interrupts the line.
 */
export class Polyline {
  xs = new Float64Array(256);
  ys = new Float64Array(256);
  /** Lowest and highest of each mean in `ys`, with {@link hasBand}. */
  lows = new Float64Array(0);
  highs = new Float64Array(0);
  /** Whether the points are buckets of readings. */
  hasBand = false;
  length = 0;
  /** Number of drawn points, without interruptions. */
  pointCount = 0;
  /** Range of the values within the window; Infinity and -Infinity when there are none. */
  lowest = Infinity;
  highest = -Infinity;
  sum = 0;
  count = 0;
  #segmentLength = 0;

  /**
   * Takes the points between `from` and `to` (milliseconds). Of readings it takes at most two for each of `columns`
   * equal intervals, the lowest and the highest, because a pixel column cannot show more. The intervals are fixed in
   * time, not to the window, so that a line does not flicker as it moves. Of buckets it takes mean, lowest and highest
   * for each column.
   * @param {PointBuffer | BucketBuffer} points
   * @param {{from: number, to: number, columns: number, breakMs: number}} view points further apart than `breakMs` are
   *   not connected
   * @param {{time: number, value: number} | null} [latest] the latest reading, which ends a line of buckets: the mean
   *   of the last bucket differs from it
   */
  take(points, { from, to, columns, breakMs }, latest = null) {
    this.length = this.pointCount = this.count = this.sum = this.#segmentLength = 0;
    this.lowest = Infinity;
    this.highest = -Infinity;
    this.hasBand = "widthMs" in points;
    const columnMs = (to - from) / Math.max(1, columns);
    if ("widthMs" in points) return this.#takeBuckets(points, { from, to, columnMs, breakMs }, latest);
    // The line enters the window from the last point before it.
    let index = Math.max(0, points.indexAt(from) - 1);
    let last = NaN;
    while (index < points.length) {
      const first = points.timeAt(index);
      if (first > to) break;
      if (first - last > breakMs) this.#interrupt(columnMs);
      const end = (Math.floor(first / columnMs) + 1) * columnMs;
      let low = index;
      let high = index;
      last = first;
      for (; index < points.length; index += 1) {
        const time = points.timeAt(index);
        if (time >= end || time > to || time - last > breakMs) break;
        const value = points.valueAt(index);
        if (value < points.valueAt(low)) low = index;
        if (value >= points.valueAt(high)) high = index;
        if (time >= from) this.#count(value);
        last = time;
      }
      this.#push(points.timeAt(Math.min(low, high)), points.valueAt(Math.min(low, high)));
      if (low !== high) this.#push(points.timeAt(Math.max(low, high)), points.valueAt(Math.max(low, high)));
    }
    this.#endSegment(columnMs);
  }

  /**
   * @param {BucketBuffer} buckets
   * @param {{from: number, to: number, columnMs: number, breakMs: number}} view
   * @param {{time: number, value: number} | null} latest
   */
  #takeBuckets(buckets, { from, to, columnMs, breakMs }, latest) {
    const longest = Math.max(breakMs, 2.5 * buckets.widthMs);
    let index = Math.max(0, buckets.indexAt(from) - 1);
    let last = NaN;
    // A fixed range has buckets after its end. The line leaves the window towards the first of them.
    while (index < buckets.length && !(last > to)) {
      const first = buckets.timeAt(index);
      if (first - last > longest) this.#interrupt(columnMs);
      const end = Math.max(first + 1, (Math.floor(first / columnMs) + 1) * columnMs);
      let [low, high, sum, count, time] = [Infinity, -Infinity, 0, 0, 0];
      for (; index < buckets.length && buckets.timeAt(index) < end; index += 1) {
        last = buckets.timeAt(index);
        if (count > 0 && last - time > longest) break;
        time = last;
        low = Math.min(low, buckets.lowAt(index));
        high = Math.max(high, buckets.highAt(index));
        sum += buckets.valueAt(index) * buckets.countAt(index);
        count += buckets.countAt(index);
      }
      last = time;
      this.#push(time, sum / count, low, high);
      if (time < from || time > to) continue;
      this.count += count;
      this.sum += sum;
      this.lowest = Math.min(this.lowest, low);
      this.highest = Math.max(this.highest, high);
    }
    if (latest && latest.time <= to) this.#endAt(latest, longest);
    this.#endSegment(columnMs);
  }

  /**
   * Ends a line of buckets at a reading: moves the last point there if it is drawn at the same time.
   * @param {{time: number, value: number}} reading
   * @param {number} longest distance up to which the line continues
   */
  #endAt({ time, value }, longest) {
    const last = this.length - 1;
    if (last < 0 || !(time >= this.xs[last] && time - this.xs[last] <= longest)) return;
    if (time === this.xs[last]) this.ys[last] = value;
    else this.#push(time, value);
  }

  /** @param {number} value */
  #count(value) {
    this.count += 1;
    this.sum += value;
    if (value < this.lowest) this.lowest = value;
    if (value > this.highest) this.highest = value;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} low
   * @param {number} high
   */
  #push(x, y, low = y, high = y) {
    if (this.length + 2 > this.xs.length) this.#grow();
    if (this.hasBand && this.lows.length !== this.xs.length) this.#growBand();
    this.xs[this.length] = x;
    this.ys[this.length] = y;
    if (this.hasBand) [this.lows[this.length], this.highs[this.length]] = [low, high];
    this.length += 1;
    if (!Number.isNaN(y)) {
      this.pointCount += 1;
      this.#segmentLength += 1;
    }
  }

  /** @param {number} columnMs */
  #interrupt(columnMs) {
    this.#endSegment(columnMs);
    if (this.length > 0) this.#push(this.xs[this.length - 1], NaN);
    this.#segmentLength = 0;
  }

  /**
   * Extends a single point to a very short line, which shows as a dot.
   * @param {number} columnMs
   */
  #endSegment(columnMs) {
    if (this.#segmentLength !== 1) return;
    const at = this.length - 1;
    this.#push(this.xs[at] + columnMs, this.ys[at], this.lows[at], this.highs[at]);
    this.pointCount -= 1;
  }

  #grow() {
    const xs = new Float64Array(this.xs.length * 2);
    const ys = new Float64Array(xs.length);
    xs.set(this.xs);
    ys.set(this.ys);
    this.xs = xs;
    this.ys = ys;
  }

  #growBand() {
    const lows = new Float64Array(this.xs.length);
    const highs = new Float64Array(this.xs.length);
    lows.set(this.lows);
    highs.set(this.highs);
    this.lows = lows;
    this.highs = highs;
  }
}
