/** Numbers that a bucket takes: start, newest time, lowest, highest, sum, count. */
const stride = 6;
const initialCapacity = 32;

/**
 * The readings of one series over a long range, as buckets of lowest, highest and mean: what the gateway answers and what
 * comes live go into the same ones, so that memory and drawing stay bounded, however long the page is open.
 *
 * Buckets begin at multiples of their width since 1970, the ones of the gateway's answers too (see `history.js`).
 */
export class BucketBuffer {
  #numbers = new Float64Array(initialCapacity * stride);
  #length = 0;
  #maxBuckets;

  /** @param {number} widthMs of a bucket @param {number} maxBuckets the oldest give way */
  constructor(widthMs, maxBuckets) {
    this.widthMs = widthMs;
    this.#maxBuckets = maxBuckets;
  }

  get length() {
    return this.#length;
  }

  /** Where a bucket is drawn, in Unix milliseconds: in its middle, the newest where its last reading is. */
  timeAt(index) {
    const at = index * stride;
    return Math.min(this.#numbers[at] + this.widthMs / 2, this.#numbers[at + 1]);
  }

  /** The mean. */
  valueAt(index) {
    const at = index * stride;
    return this.#numbers[at + 4] / this.#numbers[at + 5];
  }

  lowAt(index) {
    return this.#numbers[index * stride + 2];
  }

  highAt(index) {
    return this.#numbers[index * stride + 3];
  }

  countAt(index) {
    return this.#numbers[index * stride + 5];
  }

  /** The index of the first bucket drawn at `time` or later; `length` when there is none. */
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

  /** Adds one reading. @param {number} time Unix milliseconds */
  add(time, value) {
    this.merge(time, { low: value, high: value, sum: value, count: 1 });
  }

  /**
   * Adds several readings at once.
   * @param {number} time Unix milliseconds, inside the bucket that takes them
   * @param {{low: number, high: number, sum: number, count: number}} readings
   */
  merge(time, { low, high, sum, count }) {
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

  /** Forgets the buckets that begin at `time` or later: they are going to be told anew. */
  clearFrom(time) {
    while (this.#length > 0 && this.#numbers[(this.#length - 1) * stride] >= time) this.#length -= 1;
  }

  /** The index of the bucket that begins at `start`, made when there is none; −1 for one that is too old to keep. */
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
