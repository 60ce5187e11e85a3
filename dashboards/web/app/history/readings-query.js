/** Future readings up to this are requested as well, because devices' clocks may be ahead. */
const aheadMs = 300_000;
/** Longest usual delay from the measurement to the gateway. */
const lateMs = 10_000;
/** Points of a series in the last minutes, and the limits of a long range's number of buckets. */
const livePoints = 2_000;
const columnBounds = { least: 120, most: 1_500 };

/** Share of a fixed range that is requested before and after it, so that lines reach its edges and panning has data. */
const marginShare = 0.25;
/** Widths of buckets below a second, in milliseconds. */
const shortWidths = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** @typedef {import("../series/series-store.js").Bucketing} Bucketing */

/**
 * A query for readings. All times are Unix milliseconds of the gateway.
 * @typedef {object} ReadingsQuery
 * @property {number} from
 * @property {number} to exclusive
 * @property {number} points maximum number; more readings are returned as buckets
 * @property {number} sentAt time of the request
 * @property {boolean} isEnd whether it requests the end of a long range, as readings
 * @property {boolean} [isPast] whether it ends before now, so that its last reading is not the latest one
 * @property {number} liveFrom time since which live readings may be missing in an answer with readings
 */

/**
 * Divides a long or fixed range into buckets.
 * @param {number} rangeMs
 * @param {number} columns that can be told apart
 * @param {{from: number, to: number}} [span] of a fixed range
 * @returns {Bucketing & {rangeMs: number}}
 */
export function makeBucketing(rangeMs, columns, span) {
  const count = Math.min(columnBounds.most, Math.max(columnBounds.least, columns));
  // Whole seconds give round times in the URL and buckets that match the gateway's exactly.
  const widthMs = shortWidths.find((width) => width >= rangeMs / count) ?? Math.ceil(rangeMs / count / 1_000) * 1_000;
  if (!span) return { widthMs, maxBuckets: Math.ceil((rangeMs + aheadMs) / widthMs) + 2, rangeMs };
  const from = Math.floor((span.from - rangeMs * marginShare) / widthMs) * widthMs;
  const to = Math.ceil((span.to + rangeMs * marginShare) / widthMs) * widthMs;
  return { widthMs, maxBuckets: (to - from) / widthMs, rangeMs, span: { from, to } };
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
 * Queries a long or fixed range, or the missing part of it, aligned to the buckets so that the gateway's match ours.
 * @param {number} since Unix milliseconds
 * @param {number} sentAt
 * @param {Pick<Bucketing, "widthMs" | "span"> & {rangeMs: number}} bucketing
 * @returns {ReadingsQuery}
 */
export function bucketQuery(since, sentAt, { widthMs, rangeMs, span }) {
  const from = Math.floor(Math.max(since, span?.from ?? sentAt - rangeMs) / widthMs) * widthMs;
  const points = Math.max(1, Math.ceil((Math.min(sentAt + aheadMs, span?.to ?? Infinity) - from) / widthMs));
  const isPast = span !== undefined && span.to < sentAt - lateMs;
  return { from, to: from + points * widthMs, points, sentAt, isEnd: false, isPast, liveFrom: from };
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
