const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const timeSteps = [
  second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
  minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
  hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, 24 * hour, 48 * hour, 168 * hour,
];

/**
 * Returns at most `count` round times of day within a window.
 * @param {number} from
 * @param {number} to
 * @param {number} count
 * @returns {{step: number, ticks: number[]}} Unix milliseconds
 */
export function timeTicks(from, to, count) {
  const step = timeSteps.find((step) => (to - from) / step <= count) ?? timeSteps[timeSteps.length - 1];
  const zone = new Date(to).getTimezoneOffset() * minute;
  const ticks = [];
  for (let tick = Math.ceil((from - zone) / step) * step + zone; tick <= to; tick += step) ticks.push(tick);
  return { step, ticks };
}

/**
 * A value axis with round ends and steps. It holds the data and changes only when it must, so that a chart does not
 * jump with every reading.
 */
export class ValueAxis {
  min = 0;
  max = 1;
  step = 0.25;
  /** @type {number | undefined} */
  tickCount;
  #fixedMin;
  #fixedMax;
  #decimals;
  #marks;

  /**
   * @param {{min?: number, max?: number, decimals?: number, marks?: (number | undefined)[]}} options `marks`
   *   (thresholds) are included when they are near
   */
  constructor({ min, max, decimals, marks = [] }) {
    this.#fixedMin = min;
    this.#fixedMax = max;
    this.#decimals = decimals;
    this.#marks = marks.flatMap((mark) => mark ?? []);
  }

  /**
   * Fits the axis to data.
   * @param {number} lowest Infinity when there is no data
   * @param {number} highest -Infinity when there is no data
   * @param {number} tickCount
   * @param {(number | undefined)[]} marks included when they are near, as those of the constructor
   */
  fit(lowest, highest, tickCount, marks = []) {
    if (!(lowest <= highest)) {
      lowest = this.#fixedMin ?? 0;
      highest = this.#fixedMax ?? lowest + 1;
    }
    // Noise in the last digit must not fill the chart.
    const digit = this.#decimals === undefined ? 0.1 : 10 ** -this.#decimals;
    const smallest = Math.max(5 * digit, Math.abs(highest) * 0.01);
    const padding = Math.max(0, smallest - (highest - lowest)) / 2;
    let [low, high] = [lowest - padding, highest + padding];
    const reach = high - low;
    for (const mark of [...this.#marks, ...marks]) {
      if (mark === undefined) continue;
      if (mark < low && low - mark <= reach) low = mark - reach * 0.05;
      if (mark > high && mark - high <= reach) high = mark + reach * 0.05;
    }
    const bottom = this.#fixedMin ?? low;
    const top = this.#fixedMax ?? high;
    const isRoomy = this.max - this.min > 2.5 * (top - bottom);
    if (bottom >= this.min && top <= this.max && !isRoomy && this.tickCount === tickCount) return;
    this.tickCount = tickCount;
    this.step = Math.max(roundStep((top - bottom || 1) / tickCount), this.#decimals === undefined ? 0 : digit);
    this.min = this.#fixedMin ?? Math.floor(bottom / this.step) * this.step;
    this.max = this.#fixedMax ?? Math.ceil(top / this.step) * this.step;
    if (!(this.max > this.min)) this.max = this.min + this.step;
  }

  get ticks() {
    const ticks = [];
    const first = Math.ceil(this.min / this.step - 1e-9);
    for (let index = first; index * this.step <= this.max + this.step * 1e-9; index += 1) {
      ticks.push(index * this.step + 0);
    }
    return ticks;
  }

  /** Number of decimals that distinguish the ticks. */
  get decimals() {
    return Math.max(0, Math.min(6, -Math.floor(Math.log10(this.step) + 1e-9)));
  }
}

/**
 * Rounds up to 1, 2, 5 or 10 times a power of ten.
 * @param {number} step
 */
function roundStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  const digit = step / power;
  return (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10) * power;
}
