/** @typedef {import("../series/point-buffer.js").PointBuffer} PointBuffer */
/** @typedef {import("../series/bucket-buffer.js").BucketBuffer} BucketBuffer */
/**
 * A span in which the lowest and highest value stay the same. They differ where a bucket has several values.
 * @typedef {{from: number, to: number, low: number, high: number}} Segment
 */

/**
 * Returns the spans of equal values within a window. A value holds until the next reading, at most for `breakMs`.
 * @param {PointBuffer | BucketBuffer} points
 * @param {{from: number, to: number, breakMs: number}} view Unix milliseconds
 * @returns {Segment[]} in order of time
 */
export function stateSegments(points, { from, to, breakMs }) {
  /** @type {Segment[]} */
  const segments = [];
  const longest = Math.max(breakMs, "widthMs" in points ? 2.5 * points.widthMs : 0);
  let index = Math.max(0, points.indexAt(from) - 1);
  for (; index < points.length && points.timeAt(index) < to; index += 1) {
    const time = points.timeAt(index);
    const next = index + 1 < points.length ? points.timeAt(index + 1) : Infinity;
    const segment = {
      from: Math.max(from, time), to: Math.min(to, next, time + longest), low: points.lowAt(index),
      high: points.highAt(index),
    };
    if (segment.to <= segment.from) continue;
    const last = segments[segments.length - 1];
    const isSame = last && last.to === segment.from && last.low === segment.low && last.high === segment.high;
    if (isSame) last.to = segment.to;
    else segments.push(segment);
  }
  return segments;
}
