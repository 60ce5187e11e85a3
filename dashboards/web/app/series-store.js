import { PointBuffer } from "./point-buffer.js";

/** One metric of one device: its latest value and the points of the last minutes. */
export class Series {
  /** @type {string | undefined} as it came with the reading */
  unit;
  value = NaN;
  /** When the latest value was measured, in Unix milliseconds; NaN when nobody knows (retained by the broker). */
  time = NaN;

  constructor(device, metric, maxPoints) {
    this.device = device;
    this.metric = metric;
    this.points = new PointBuffer(maxPoints);
  }
}

/**
 * What arrived, by device and metric, whichever dashboard it was joined for: so that a switch of dashboards shows at
 * once what is known. Bounded: beyond `maxSeries` the device that was silent longest is forgotten.
 */
export class SeriesStore {
  /** Ordered by the last reading, oldest first. @type {Map<string, Map<string, Series>>} */
  #devices = new Map();
  #seriesCount = 0;
  #maxSeries;
  #maxPoints;

  constructor({ maxSeries = 2_000, maxPoints = 2_048 } = {}) {
    this.#maxSeries = maxSeries;
    this.#maxPoints = maxPoints;
    /** How far back points are wanted, in milliseconds. */
    this.retentionMs = 300_000;
    /** Rises whenever a series comes or goes. */
    this.revision = 0;
  }

  /**
   * Takes a `data_update`. A snapshot replaces what was known; anything else only what is older.
   * @param {import("../windsock-client.js").DataUpdate} update
   * @param {number} now the gateway's time, Unix milliseconds
   */
  add(update, now) {
    const { device, data, units } = update;
    const time = update.retained && update.age_ms === undefined ? NaN : data.timestamp * 1000;
    const metrics = this.#devices.get(device) ?? new Map();
    this.#devices.delete(device);
    this.#devices.set(device, metrics);
    for (const metric in data) {
      const value = data[metric];
      if (metric === "timestamp" || typeof value !== "number") continue;
      let series = metrics.get(metric);
      if (!series) {
        metrics.set(metric, (series = new Series(device, metric, this.#maxPoints)));
        this.#seriesCount += 1;
        this.revision += 1;
      }
      series.unit = units?.[metric] ?? series.unit;
      if (!Number.isNaN(time)) series.points.add(time, value, now - this.retentionMs);
      if (update.snapshot || !(time < series.time)) {
        series.value = value;
        series.time = time;
      }
    }
    if (this.#seriesCount > this.#maxSeries) this.#forgetOldest();
  }

  /**
   * Takes a series of `GET /api/readings`: values as they are, or of each bucket the lowest and the highest, which is all
   * that a line can show.
   * @param {string} device
   * @param {{metric: string, unit?: string, bucket_s?: number, points: number[][]}} line
   * @param {number} now the gateway's time, Unix milliseconds
   */
  addPast(device, { metric, unit, bucket_s: bucket, points }, now) {
    if (points.length === 0) return;
    const metrics = this.#devices.get(device) ?? new Map();
    let series = metrics.get(metric);
    if (!series) {
      // The oldest place: whoever speaks now is not pushed out by whoever did.
      if (!this.#devices.has(device)) this.#devices = new Map([[device, metrics], ...this.#devices]);
      metrics.set(metric, (series = new Series(device, metric, this.#maxPoints)));
      this.#seriesCount += 1;
      this.revision += 1;
    }
    series.unit ??= unit;
    const oldest = now - this.retentionMs;
    for (const [seconds, low, , high, count] of points) {
      const time = seconds * 1000;
      if (bucket === undefined) series.points.add(time, low, oldest);
      else if (count === 1) series.points.add(time + bucket * 500, low, oldest);
      else {
        series.points.add(time + bucket * 250, low, oldest);
        series.points.add(time + bucket * 750, high, oldest);
      }
    }
    const [seconds, value, average] = points.at(-1);
    const time = seconds * 1000;
    if (!(time <= series.time)) {
      series.value = bucket === undefined ? value : average;
      series.time = time;
    }
    if (this.#seriesCount > this.#maxSeries) this.#forgetOldest();
  }

  get deviceNames() {
    return this.#devices.keys();
  }

  /** @returns {Series | undefined} */
  series(device, metric) {
    return this.#devices.get(device)?.get(metric);
  }

  #forgetOldest() {
    for (const [device, metrics] of this.#devices) {
      if (this.#seriesCount <= this.#maxSeries || this.#devices.size === 1) return;
      this.#devices.delete(device);
      this.#seriesCount -= metrics.size;
      this.revision += 1;
    }
  }
}
