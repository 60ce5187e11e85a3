/**
 * Puts the gateway's answer to a question for readings in its place: into the points of the last minutes, or into the
 * buckets of a long range, each reading once, whatever came live meanwhile.
 *
 * @param {import("./series-store.js").SeriesStore} store
 * @param {{device: string, series: object[]}} answer as `/api/readings` gives it
 * @param {{from: number, sentAt: number, oldestWanted: number}} span Unix milliseconds of the gateway: where the answer
 *   begins, when it was asked for, and the oldest reading that is worth keeping among those of the last minutes
 */
export function takeReadings(store, { device, series: answers }, span) {
  for (const answer of newestUnits(answers)) {
    const series = store.ensure(device, answer.metric);
    series.unit ??= answer.unit;
    const last = answer.points.at(-1);
    const isRaw = answer.bucket_s === undefined;
    if (isRaw && last && !(last[0] * 1000 < series.time)) [series.time, series.value] = [last[0] * 1000, last[1]];
    if (series.buckets) takeBuckets(series, answer, span, isRaw);
    else takePoints(series.points, answer, span.oldestWanted, isRaw);
  }
}

/** What the gateway says replaces what was there from the beginning of its answer on; later readings stay. */
function takeBuckets(series, { points, bucket_s: bucketSeconds }, { from, sentAt }, isRaw) {
  const { buckets } = series;
  buckets.clearFrom(from);
  let newest = sentAt;
  if (isRaw) {
    for (const [time, value] of points) buckets.add(time * 1000, value);
    // Readings that are part of the answer, although they were measured, or sent, after it was asked for.
    newest = Math.max(sentAt, (points.at(-1)?.[0] ?? 0) * 1000);
  } else {
    for (const [start, low, average, high, count] of points) {
      buckets.merge((start + bucketSeconds / 2) * 1000, { low, high, sum: average * count, count });
    }
  }
  series.bucketPoints(newest);
}

/** Readings are known by their times. Of a bucket, its lowest and highest stand for it where nothing is known. */
function takePoints(known, { points, bucket_s: bucketSeconds }, oldestWanted, isRaw) {
  for (const [time, value, average, high, count] of points) {
    const start = time * 1000;
    if (start < oldestWanted) continue;
    if (isRaw) {
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
 * One series a metric: after a change of unit the gateway has two, which cannot share an axis; the one that was measured
 * last counts. Two rooms with a device of this name are joined.
 */
function newestUnits(answers) {
  const newest = new Map();
  for (const answer of answers) {
    const time = answer.points.at(-1)?.[0] ?? -Infinity;
    const other = newest.get(answer.metric);
    if (!other || time > other.time) newest.set(answer.metric, { time, unit: answer.unit });
  }
  return answers.filter(({ metric, unit }) => newest.get(metric).unit === unit);
}
