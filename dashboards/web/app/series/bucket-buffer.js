/** Numbers of a bucket: start, time of the newest reading, lowest, highest, sum, count. */
const stride = 6;
const initialCapacity = 32;

/**
 * The readings of a series over a long range, as buckets of lowest, highest and mean. The gateway's answers and live
 * readings go into the same buckets, so memory and drawing stay bounded.
 *
 * Buckets start at multiples of their width since 1970, as those of the gateway's answers do (see `history.js`).
 */
export class BucketBuffer {
  #numbers = new Float64Array(initialCapacity * stride);
  #length = 0;
  #maxBuckets;
  #from;
  #to;

  /**
   * @param {number} widthMs of a bucket
   * @param {number} maxBuckets beyond it the oldest are dropped
   * @param {{from: number, to: number}} [span] readings outside of it are ignored; Unix milliseconds
   */
  constructor(widthMs, maxBuckets, span) {
    this.widthMs = widthMs;
    this.#maxBuckets = maxBuckets;
    this.#from = span?.from ?? -Infinity;
    this.#to = span?.to ?? Infinity;
  }

  get length() {
    return this.#length;
  }

  /**
   * Returns the time at which a bucket is drawn, in Unix milliseconds: its middle, or the newest reading if that is
   * earlier.
   * @param {number} index
   */
  timeAt(index) {
    const at = index * stride;
    return Math.min(this.#numbers[at] + this.widthMs / 2, this.#numbers[at + 1]);
  }

  /**
   * Returns the mean.
   * @param {number} index
   */
  valueAt(index) {
    const at = index * stride;
    return this.#numbers[at + 4] / this.#numbers[at + 5];
  }

  /** @param {number} index */
  lowAt(index) {
    return this.#numbers[index * stride + 2];
  }

  /** @param {number} index */
  highAt(index) {
    return this.#numbers[index * stride + 3];
  }

  /** @param {number} index */
  countAt(index) {
    return this.#numbers[index * stride + 5];
  }

  /**
   * Returns the index of the first bucket drawn at `time` or later; `length` when there is none.
   * @param {number} time
   */
  indexAt(time) {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.timeAt(middle) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Adds a reading.
   * @param {number} time Unix milliseconds
   * @param {number} value
   */
  add(time, value) {
    this.merge(time, { low: value, high: value, sum: value, count: 1 });
  }

  /**
   * Adds readings of one bucket.
   * @param {number} time Unix milliseconds, within the bucket
   * @param {{low: number, high: number, sum: number, count: number}} readings
   */
  merge(time, { low, high, sum, count }) {
    if (!(time >= this.#from && time < this.#to)) return;
    const start = Math.floor(time / this.widthMs) * this.widthMs;
    const index = this.#place(start);
    if (index < 0) return;
    const at = index * stride;
    const numbers = this.#numbers;
    numbers[at + 1] = Math.max(numbers[at + 1], time);
    numbers[at + 2] = Math.min(numbers[at + 2], low);
    numbers[at + 3] = Math.max(numbers[at + 3], high);
    numbers[at + 4] += sum;
    numbers[at + 5] += count;
  }

  /**
   * Copies another buffer's buckets, each at its `timeAt`.
   * @param {BucketBuffer} other
   */
  take(other) {
    for (let index = 0; index < other.length; index += 1) {
      const count = other.countAt(index);
      this.merge(other.timeAt(index), {
        low: other.lowAt(index), high: other.highAt(index), sum: other.valueAt(index) * count, count,
      });
    }
  }

  /**
   * Removes the buckets that start at `time` or later, before an answer replaces them.
   * @param {number} time
   */
  clearFrom(time) {
    while (this.#length > 0 && this.#numbers[(this.#length - 1) * stride] >= time) this.#length -= 1;
  }

  /**
   * Returns the index of the bucket that starts at `start`, and makes it when there is none; −1 when it is too old to
   * keep.
   * @param {number} start
   */
  #place(start) {
    let index = this.#length;
    while (index > 0 && this.#numbers[(index - 1) * stride] > start) index -= 1;
    if (index > 0 && this.#numbers[(index - 1) * stride] === start) return index - 1;
    if (this.#length === this.#maxBuckets) {
      if (index === 0) return -1;
      this.#numbers.copyWithin(0, stride, this.#length * stride);
      this.#length -= 1;
      index -= 1;
    }
    if ((this.#length + 1) * stride > this.#numbers.length) this.#grow();
    this.#numbers.copyWithin((index + 1) * stride, index * stride, this.#length * stride);
    this.#length += 1;
    this.#numbers.set([start, -Infinity, Infinity, -Infinity, 0, 0], index * stride);
    return index;
  }

  #grow() {
    const numbers = new Float64Array(this.#numbers.length * 2);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }
}
