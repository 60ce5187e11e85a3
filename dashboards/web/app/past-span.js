/** Clocks of devices may be ahead so far: what they measured "later" is asked for, too. */
const aheadMs = 300_000;
/** Readings reach the gateway at most so long after they were measured, nearly always. */
const lateMs = 10_000;
/** Points of one series: what the page keeps of the last minutes, and the bounds of what a long range is asked for. */
const livePoints = 2_000;
const columnBounds = { least: 120, most: 1_500 };

/**
 * What to ask the gateway for, all times in Unix milliseconds of the gateway.
 * @typedef {object} Span
 * @property {number} from
 * @property {number} to not included
 * @property {number} points at most so many, else buckets
 * @property {number} sentAt when it is asked for
 * @property {boolean} isEnd whether it is the end of a long range, reading by reading
 * @property {number} liveFrom since when live readings may not be part of an answer that comes reading by reading
 */

/**
 * How a long range is cut into buckets.
 * @param {number} rangeMs @param {number} columns that can be told apart
 * @returns {{widthMs: number, maxBuckets: number, rangeMs: number}}
 */
export function makeBucketing(rangeMs, columns) {
  const count = Math.min(columnBounds.most, Math.max(columnBounds.least, columns));
  // Whole seconds, so that times in the address are round and no bucket is a hair's breadth off.
  const widthMs = Math.ceil(rangeMs / count / 1_000) * 1_000;
  return { widthMs, maxBuckets: Math.ceil((rangeMs + aheadMs) / widthMs) + 2, rangeMs };
}

/** The last minutes, or what of them is missing. @returns {Span} */
export function minutesSpan(since, sentAt, windowMs) {
  const from = Math.max(since, sentAt - windowMs);
  return { from, to: sentAt + aheadMs, points: livePoints, sentAt, isEnd: false, liveFrom: from };
}

/** A long range, or what of it is missing: on the grid of buckets, so that the gateway's are ours. @returns {Span} */
export function bucketSpan(since, sentAt, { widthMs, rangeMs }) {
  const from = Math.floor(Math.max(since, sentAt - rangeMs) / widthMs) * widthMs;
  const points = Math.ceil((sentAt + aheadMs - from) / widthMs);
  return { from, to: from + points * widthMs, points, sentAt, isEnd: false, liveFrom: from };
}

/**
 * The end of a long range. In a bucket nobody can tell which of the readings that came live meanwhile it has; reading by
 * reading they are known by their times. @returns {Span}
 */
export function endSpan(first, sentAt, { widthMs }) {
  const from = Math.max(first.from, Math.floor((first.sentAt - lateMs) / widthMs) * widthMs);
  return { from, to: sentAt + aheadMs, points: livePoints, sentAt, isEnd: true, liveFrom: sentAt - lateMs };
}
