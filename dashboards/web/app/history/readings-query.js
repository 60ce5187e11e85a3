/** Future readings up to this are requested as well, because devices' clocks may be ahead. */
const aheadMs = 300_000;
/** Longest usual delay from the measurement to the gateway. */
const lateMs = 10_000;
/** Points of a series in the last minutes, and the limits of a long range's number of buckets. */
const livePoints = 2_000;
const columnBounds = { least: 120, most: 1_500 };

/** @typedef {import("../series/series-store.js").Bucketing} Bucketing */

/**
 * A query for readings. All times are Unix milliseconds of the gateway.
 * @typedef {object} ReadingsQuery
 * @property {number} from
 * @property {number} to exclusive
 * @property {number} points maximum number; more readings are returned as buckets
 * @property {number} sentAt time of the request
 * @property {boolean} isEnd whether it requests the end of a long range, as readings
 * @property {number} liveFrom time since which live readings may be missing in an answer with readings
 */

/**
 * Divides a long range into buckets.
 * @param {number} rangeMs
 * @param {number} columns that can be told apart
 * @returns {Bucketing & {rangeMs: number}}
 */
export function makeBucketing(rangeMs, columns) {
  const count = Math.min(columnBounds.most, Math.max(columnBounds.least, columns));
  // Whole seconds give round times in the URL and buckets that match the gateway's exactly.
  const widthMs = Math.ceil(rangeMs / count / 1_000) * 1_000;
  return { widthMs, maxBuckets: Math.ceil((rangeMs + aheadMs) / widthMs) + 2, rangeMs };
}

/**
 * Queries the last minutes, or the missing part of them.
 * @param {number} since Unix milliseconds
 * @param {number} sentAt
 * @param {number} windowMs
 * @returns {ReadingsQuery}
 */
export function minutesQuery(since, sentAt, windowMs) {
  const from = Math.max(since, sentAt - windowMs);
  return { from, to: sentAt + aheadMs, points: livePoints, sentAt, isEnd: false, liveFrom: from };
}

/**
 * Queries a long range, or the missing part of it, aligned to the buckets so that the gateway's match ours.
 * @param {number} since Unix milliseconds
 * @param {number} sentAt
 * @param {{widthMs: number, rangeMs: number}} bucketing
 * @returns {ReadingsQuery}
 */
export function bucketQuery(since, sentAt, { widthMs, rangeMs }) {
  const from = Math.floor(Math.max(since, sentAt - rangeMs) / widthMs) * widthMs;
  const points = Math.ceil((sentAt + aheadMs - from) / widthMs);
  return { from, to: from + points * widthMs, points, sentAt, isEnd: false, liveFrom: from };
}

/**
 * Queries the end of a long range again, as readings. A bucket does not tell which of the live readings it includes;
 * readings are identified by their times.
 * @param {ReadingsQuery} first the query of the range
 * @param {number} sentAt
 * @param {{widthMs: number}} bucketing
 * @returns {ReadingsQuery}
 */
export function endQuery(first, sentAt, { widthMs }) {
  const from = Math.max(first.from, Math.floor((first.sentAt - lateMs) / widthMs) * widthMs);
  return { from, to: sentAt + aheadMs, points: livePoints, sentAt, isEnd: true, liveFrom: sentAt - lateMs };
}
