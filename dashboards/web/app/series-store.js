import { BucketBuffer } from "./bucket-buffer.js";
import { own } from "./names.js";
import { PointBuffer } from "./point-buffer.js";

/** Rooms that are remembered of one device; one that is in more may be in any. */
const maxRooms = 64;

/** One metric of one device: its latest value, the points of the last minutes, and the buckets of a long range. */
export class Series {
  /** @type {string | undefined} as it came with the reading */
  unit;
  value = NaN;
  /** When the latest value was measured, in Unix milliseconds; NaN when nobody knows (retained by the broker). */
  time = NaN;
  /** @type {BucketBuffer | null} null while a range of minutes is shown */
  #buckets = null;

  constructor(device, metric, maxPoints) {
    this.device = device;
    this.metric = metric;
    /** Every reading of the last minutes. */
    this.points = new PointBuffer(maxPoints);
  }

  /** What is drawn: readings, or the buckets of a long range. @returns {PointBuffer | BucketBuffer} */
  get track() {
    return this.#buckets ?? this.points;
  }

  /** @returns {BucketBuffer | null} */
  get buckets() {
    return this.#buckets;
  }

  /** Begins buckets, with what is known. @param {{widthMs: number, maxBuckets: number} | null} bucketing */
  setBucketing(bucketing) {
    this.#buckets = bucketing && new BucketBuffer(bucketing.widthMs, bucketing.maxBuckets);
    if (bucketing) this.bucketPoints(-Infinity);
  }

  /** Puts the points of a time and later into buckets, but for those of times that are told. @param {Set<number>} [told] */
  bucketPoints(from, told) {
    const { points } = this;
    for (let index = points.indexAt(from); index < points.length; index += 1) {
      if (!told?.has(points.timeAt(index))) this.#buckets.add(points.timeAt(index), points.valueAt(index));
    }
  }
}

/**
 * What arrived, by device and metric, whichever dashboard it was joined for: so that a switch of dashboards shows at
 * once what is known. Bounded: beyond `maxSeries` the device that was silent longest is forgotten.
 */
export class SeriesStore {
  /** Ordered by the last reading, oldest first. @type {Map<string, {metrics: Map<string, Series>, rooms: Set<string>}>} */
  #devices = new Map();
  #seriesCount = 0;
  #maxSeries;
  #maxPoints;
  /** @type {{widthMs: number, maxBuckets: number} | null} */
  #bucketing = null;

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
    const { device, data, units, room_id: room } = update;
    const time = update.retained && update.age_ms === undefined ? NaN : data.timestamp * 1000;
    const known = this.#devices.get(device) ?? newDevice();
    const { metrics, rooms } = known;
    this.#devices.delete(device);
    this.#devices.set(device, known);
    if (rooms.size < maxRooms) rooms.add(room);
    for (const metric in data) {
      const value = data[metric];
      if (metric === "timestamp" || typeof value !== "number") continue;
      const series = metrics.get(metric) ?? this.#make(metrics, device, metric);
      series.unit = own(units, metric) ?? series.unit;
      if (!Number.isNaN(time)) {
        const isNew = series.points.add(time, value, now - this.retentionMs);
        // A snapshot is part of the past, which the gateway is asked for.
        if (isNew && !update.snapshot) series.buckets?.add(time, value);
      }
      if (update.snapshot || !(time < series.time)) {
        series.value = value;
        series.time = time;
      }
    }
    if (this.#seriesCount > this.#maxSeries) this.#forgetOldest();
  }

  /** The series, made when there is none: a device may be silent and have a past. @returns {Series} */
  ensure(device, metric) {
    const known = this.#devices.get(device) ?? newDevice();
    this.#devices.set(device, known);
    const { metrics } = known;
    const series = metrics.get(metric) ?? this.#make(metrics, device, metric);
    if (this.#seriesCount > this.#maxSeries) this.#forgetOldest();
    return series;
  }

  /**
   * Says how a long range is kept; what was known of another one is forgotten.
   * @param {{widthMs: number, maxBuckets: number} | null} bucketing null: readings are enough
   */
  setBucketing(bucketing) {
    this.#bucketing = bucketing;
    for (const { metrics } of this.#devices.values()) {
      for (const series of metrics.values()) series.setBucketing(bucketing);
    }
  }

  get deviceNames() {
    return this.#devices.keys();
  }

  /** @returns {Series | undefined} */
  series(device, metric) {
    return this.#devices.get(device)?.metrics.get(metric);
  }

  /** Whether a device may have spoken in a room. */
  mayBeIn(device, room) {
    const rooms = this.#devices.get(device)?.rooms;
    return rooms !== undefined && (rooms.has(room) || rooms.size >= maxRooms);
  }

  #make(metrics, device, metric) {
    const series = new Series(device, metric, this.#maxPoints);
    series.setBucketing(this.#bucketing);
    metrics.set(metric, series);
    this.#seriesCount += 1;
    this.revision += 1;
    return series;
  }

  #forgetOldest() {
    for (const [device, { metrics }] of this.#devices) {
      if (this.#seriesCount <= this.#maxSeries || this.#devices.size === 1) return;
      this.#devices.delete(device);
      this.#seriesCount -= metrics.size;
      this.revision += 1;
    }
  }
}

function newDevice() {
  return { metrics: new Map(), rooms: new Set() };
}
