/** Usual intervals without a reading after which a value is stale, and a line ends. `offline_after` allows as many. */
const allowedIntervals = 3;
/** Age up to which no value is stale, however often readings usually arrive. */
const leastStaleMs = 30_000;
/** The median is taken of the last 9 intervals, and of at least 2. The gateway does the same. */
const intervals = { most: 9, least: 2 };

/**
 * The times of readings, in ascending order.
 * @typedef {{length: number, timeAt: (index: number) => number}} Times
 */

/**
 * Returns the usual interval between readings in milliseconds: the median of the last ones; NaN for too few readings.
 * @param {Times} times
 */
export function usualInterval(times) {
  const first = Math.max(1, times.length - intervals.most);
  if (times.length - first < intervals.least) return NaN;
  const last = [];
  for (let index = first; index < times.length; index += 1) last.push(times.timeAt(index) - times.timeAt(index - 1));
  last.sort((a, b) => a - b);
  return last[(last.length - 1) >> 1];
}

/**
 * Returns the longest usual pause between two readings in milliseconds; 0 when the interval is unknown.
 * @param {number} intervalMs NaN: unknown
 */
export function longestPause(intervalMs) {
  return allowedIntervals * (intervalMs || 0);
}

/**
 * Returns the age in milliseconds from which a value is stale.
 * @param {number} intervalMs usual interval; NaN: unknown
 */
export function staleAfter(intervalMs) {
  return Math.max(leastStaleMs, longestPause(intervalMs));
}
