import { roomMatches } from "../../client/rooms.js";

/** @typedef {import("../series/series-store.js").Series} Series */
/** @typedef {import("../../windsock-client.js").Readings} Readings */
/** @typedef {import("../../windsock-client.js").ReadingSeries} ReadingSeries */

/**
 * Merges the gateway's answer to a query into the points of the last minutes, or into the buckets of a long range.
 *
 * Readings of an answer are merged with live readings by time, so that each counts once. For buckets of an answer the
 * seam is the time of the request: a few readings may count twice or be missing there, until the end is queried as
 * readings (see `history.js`).
 * @param {import("../series/series-store.js").SeriesStore} store
 * @param {Readings} answer
 * @param {import("./readings-query.js").ReadingsQuery} query
 * @param {{rooms: string[], oldestWanted: number}} wanted the rooms or filters that are shown, and the oldest reading
 *   to keep among those of the last minutes, in Unix milliseconds of the gateway
 * @returns {boolean} whether a part of the answer came in buckets
 */
export function takeReadings(store, { device, series: all }, query, { rooms, oldestWanted }) {
  const shown = all.filter(({ room_id: room }) => rooms.some((filter) => roomMatches(filter, room)));
  let hasBuckets = false;
  for (const [metric, answers] of byMetric(shown)) {
    const isRaw = answers.every(({ bucket_s: bucketSeconds }) => bucketSeconds === undefined);
    if (!isRaw) hasBuckets = true;
    // There are too many readings for the query: the buckets of the first answer stay.
    if (query.isEnd && !isRaw) continue;
    // The answer names every series of the device, also those without readings in this range.
    if (answers.every(({ points }) => points.length === 0) && !store.series(device, metric)) continue;
    const series = store.ensure(device, metric);
    for (const answer of answers) takeLatest(series, answer, query);
    series.limits = answers.flatMap(({ limits = [] }) => limits);
    if (series.buckets) takeBuckets(series, answers, query, isRaw);
    else for (const answer of answers) takePoints(series.points, answer, oldestWanted);
  }
  return hasBuckets;
}

/**
 * Groups an answer by metric. Devices of the same name in several rooms are joined. After a change of unit there are
 * two series, which cannot share an axis; the one with the newest reading is kept.
 * @param {ReadingSeries[]} answers
 * @returns {Map<string, ReadingSeries[]>}
 */
function byMetric(answers) {
  /** @type {Map<string, {time: number, unit: string | undefined}>} */
  const newest = new Map();
  for (const answer of answers) {
    const time = lastPoint(answer)?.[0] ?? -Infinity;
    const other = newest.get(answer.metric);
    if (!other || time > other.time) newest.set(answer.metric, { time, unit: answer.unit });
  }
  /** @type {Map<string, ReadingSeries[]>} */
  const groups = new Map();
  for (const [metric, { unit }] of newest) {
    groups.set(metric, answers.filter((answer) => answer.metric === metric && answer.unit === unit));
  }
  return groups;
}

/**
 * @param {Series} series
 * @param {ReadingSeries} answer
 * @param {import("./readings-query.js").ReadingsQuery} query
 */
function takeLatest(series, answer, { isPast }) {
  const { unit, bucket_s: bucketSeconds } = answer;
  series.unit ??= unit;
  const last = lastPoint(answer);
  if (isPast || bucketSeconds !== undefined || !last || last[0] * 1000 < series.time) return;
  [series.time, series.value] = [last[0] * 1000, last[1]];
}

/**
 * Replaces the buckets from the start of the answer on. Readings that arrived live meanwhile stay.
 * @param {Series} series
 * @param {ReadingSeries[]} answers
 * @param {import("./readings-query.js").ReadingsQuery} query
 * @param {boolean} isRaw whether the answer has readings only
 */
function takeBuckets(series, answers, { from, sentAt, liveFrom }, isRaw) {
  const { buckets } = series;
  if (!buckets) return;
  buckets.clearFrom(from);
  /**
   * Times of the answer's readings, which may have arrived live as well.
   * @type {Set<number>}
   */
  const known = new Set();
  for (const { points, bucket_s: bucketSeconds } of answers) {
    if (bucketSeconds !== undefined) {
      for (const [start, low, average = low, high = low, count = 1] of points) {
        buckets.merge((start + bucketSeconds / 2) * 1000, { low, high, sum: average * count, count });
      }
      continue;
    }
    for (const [time, value] of points) {
      known.add(time * 1000);
      buckets.add(time * 1000, value);
    }
  }
  series.bucketPoints(isRaw ? liveFrom : sentAt, known);
}

/**
 * Adds an answer to the points, which are identified by their times. A bucket's lowest and highest stand for it where
 * no point is known.
 * @param {import("../series/point-buffer.js").PointBuffer} known
 * @param {ReadingSeries} answer
 * @param {number} oldestWanted
 */
function takePoints(known, { points, bucket_s: bucketSeconds }, oldestWanted) {
  for (const [time, value, average = value, high = value, count = 1] of points) {
    const start = time * 1000;
    if (start < oldestWanted) continue;
    if (bucketSeconds === undefined) {
      known.add(start, value, oldestWanted);
      continue;
    }
    const widthMs = bucketSeconds * 1000;
    const index = known.indexAt(start);
    if (index < known.length && known.timeAt(index) < start + widthMs) continue;
    known.add(start + widthMs / 3, count === 1 ? average : value, oldestWanted);
    if (count > 1) known.add(start + (widthMs * 2) / 3, high, oldestWanted);
  }
}

/**
 * @param {ReadingSeries} series
 * @returns {[time: number, value: number, ...rest: number[]] | undefined}
 */
function lastPoint({ points }) {
  return points[points.length - 1];
}
