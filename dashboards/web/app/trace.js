/**
 * The part of a series that a chart draws, in arrays that are used again for every draw. A NaN value interrupts the
 * line.
 */
export class Trace {
  xs = new Float64Array(256);
  ys = new Float64Array(256);
  /** Lowest and highest beside each mean of `ys`, when {@link hasBand}. */
  lows = new Float64Array(0);
  highs = new Float64Array(0);
  /** Whether it shows buckets of readings. */
  hasBand = false;
  length = 0;
  /** How many points are drawn, interruptions not counted. */
  pointCount = 0;
  /** Of the values inside the window; Infinity and -Infinity when there are none. */
  lowest = Infinity;
  highest = -Infinity;
  sum = 0;
  count = 0;
  #segmentLength = 0;

  /**
   * Takes the points of `from`–`to` (milliseconds), at most two of each of `columns` equal spans of time: the lowest
   * and the highest, which is all that a pixel column can show. The spans are fixed in time, not to the window, so that
   * a line does not shimmer as it moves. Of buckets it takes mean, lowest and highest, one of each column.
   * @param {import("./point-buffer.js").PointBuffer | import("./bucket-buffer.js").BucketBuffer} points
   * @param {{from: number, to: number, columns: number, breakMs: number}} view points further apart than `breakMs`
   *   are not connected
   */
  take(points, { from, to, columns, breakMs }) {
    this.length = this.pointCount = this.count = this.sum = this.#segmentLength = 0;
    this.lowest = Infinity;
    this.highest = -Infinity;
    this.hasBand = points.widthMs !== undefined;
    const columnMs = (to - from) / Math.max(1, columns);
    if (this.hasBand) return this.#takeBuckets(points, { from, to, columnMs, breakMs });
    // One point to the left of the window, so that the line comes in from the edge.
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

  #takeBuckets(buckets, { from, to, columnMs, breakMs }) {
    const longest = Math.max(breakMs, 2.5 * buckets.widthMs);
    let index = Math.max(0, buckets.indexAt(from) - 1);
    let last = NaN;
    while (index < buckets.length && buckets.timeAt(index) <= to) {
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
      if (time < from) continue;
      this.count += count;
      this.sum += sum;
      this.lowest = Math.min(this.lowest, low);
      this.highest = Math.max(this.highest, high);
    }
    this.#endSegment(columnMs);
  }

  #count(value) {
    this.count += 1;
    this.sum += value;
    if (value < this.lowest) this.lowest = value;
    if (value > this.highest) this.highest = value;
  }

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

  #interrupt(columnMs) {
    this.#endSegment(columnMs);
    if (this.length > 0) this.#push(this.xs[this.length - 1], NaN);
    this.#segmentLength = 0;
  }

  /** A single point has no line: a very short one makes it a dot. */
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
