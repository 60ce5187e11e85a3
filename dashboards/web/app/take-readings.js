import { roomMatches } from "../client/room-filter.js";

/**
 * Puts the gateway's answer to a question for readings in its place: into the points of the last minutes, or into the
 * buckets of a long range. An answer that comes reading by reading is joined with what came live meanwhile by time, so
 * that each reading counts once. Of one that comes in buckets the seam is where it was asked for: a reading or two may
 * count twice or be missing there, until its end is asked for reading by reading (see `history.js`).
 *
 * @param {import("./series-store.js").SeriesStore} store
 * @param {{device: string, series: object[]}} answer as `/api/readings` gives it
 * @param {import("./past-span.js").Span} span what was asked for
 * @param {{rooms: string[], oldestWanted: number}} wanted the rooms or filters whose readings are shown, and the oldest
 *   reading that is worth keeping among those of the last minutes, in Unix milliseconds of the gateway
 * @returns {boolean} whether a part of it came in buckets
 */
export function takeReadings(store, { device, series: all }, span, { rooms, oldestWanted }) {
  const shown = all.filter(({ room_id: room }) => rooms.some((filter) => roomMatches(filter, room)));
  let hasBuckets = false;
  for (const [metric, answers] of byMetric(shown)) {
    const isRaw = answers.every(({ bucket_s: bucketSeconds }) => bucketSeconds === undefined);
    if (!isRaw) hasBuckets = true;
    // More readings than are worth telling one by one: what the first answer says of them stays.
    if (span.isEnd && !isRaw) continue;
    // The gateway tells of every series that it has; one without readings in this range is none to show.
    if (answers.every(({ points }) => points.length === 0) && !store.series(device, metric)) continue;
    const series = store.ensure(device, metric);
    for (const answer of answers) takeLatest(series, answer);
    if (series.buckets) takeBuckets(series, answers, span, isRaw);
    else for (const answer of answers) takePoints(series.points, answer, oldestWanted);
  }
  return hasBuckets;
}

/**
 * One series a metric, although a device of this name may be in several rooms: they are joined. After a change of unit
 * the gateway has two, which cannot share an axis; the one that was measured last counts.
 * @returns {Map<string, object[]>}
 */
function byMetric(answers) {
  const newest = new Map();
  for (const answer of answers) {
    const time = answer.points.at(-1)?.[0] ?? -Infinity;
    const other = newest.get(answer.metric);
    if (!other || time > other.time) newest.set(answer.metric, { time, unit: answer.unit });
  }
  const groups = new Map([...newest.keys()].map((metric) => [metric, []]));
  for (const answer of answers) if (newest.get(answer.metric).unit === answer.unit) groups.get(answer.metric).push(answer);
  return groups;
}

function takeLatest(series, { unit, points, bucket_s: bucketSeconds }) {
  series.unit ??= unit;
  const last = points.at(-1);
  if (bucketSeconds !== undefined || !last || last[0] * 1000 < series.time) return;
  [series.time, series.value] = [last[0] * 1000, last[1]];
}

/** What the gateway says replaces what was there from the beginning of its answer on; what came live meanwhile stays. */
function takeBuckets(series, answers, { from, sentAt, liveFrom }, isRaw) {
  const { buckets } = series;
  buckets.clearFrom(from);
  /** The times of readings that are part of the answer, although they may have come live, too. */
  const told = new Set();
  for (const { points, bucket_s: bucketSeconds } of answers) {
    if (bucketSeconds !== undefined) {
      for (const [start, low, average, high, count] of points) {
        buckets.merge((start + bucketSeconds / 2) * 1000, { low, high, sum: average * count, count });
      }
      continue;
    }
    for (const [time, value] of points) {
      told.add(time * 1000);
      buckets.add(time * 1000, value);
    }
  }
  series.bucketPoints(isRaw ? liveFrom : sentAt, told);
}

/** Readings are known by their times. Of a bucket, its lowest and highest stand for it where nothing is known. */
function takePoints(known, { points, bucket_s: bucketSeconds }, oldestWanted) {
  for (const [time, value, average, high, count] of points) {
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
