import { own } from "../shared/names.js";
import { usualInterval } from "../shared/rhythm.js";
import { BucketBuffer } from "./bucket-buffer.js";
import { PointBuffer } from "./point-buffer.js";

/**
 * Width and number of buckets. `span` limits the buckets of a fixed range, in Unix milliseconds.
 * @typedef {{widthMs: number, maxBuckets: number, span?: {from: number, to: number}}} Bucketing
 */
/** @typedef {{metrics: Map<string, Series>, rooms: Set<string>}} KnownDevice */

/** Rooms kept for each device. A device with this many may be in any room. */
const maxRooms = 64;

/**
 * The readings of one metric of a device: the latest value, the points of the last minutes, and the buckets of a long
 * range.
 */
export class Series {
  /**
   * Unit of the latest reading that had one.
   * @type {string | undefined}
   */
  unit;
  value = NaN;
  /**
   * Limits of alert rules, as the latest history named them.
   * @type {import("../../windsock-client.js").RuleLimit[]}
   */
  limits = [];
  /** Time of the latest value in Unix milliseconds; NaN when it is unknown (retained by the broker). */
  time = NaN;
  /** The device's usual interval in milliseconds, as the gateway told it; NaN while it is unknown. */
  toldIntervalMs = NaN;
  /**
   * Null while a range of minutes is shown.
   * @type {BucketBuffer | null}
   */
  #buckets = null;

  /**
   * @param {string} device
   * @param {string} metric
   * @param {number} maxPoints
   */
  constructor(device, metric, maxPoints) {
    this.device = device;
    this.metric = metric;
    /** The readings of the last minutes. */
    this.points = new PointBuffer(maxPoints);
  }

  /**
   * The points to draw: readings, or the buckets of a long range.
   * @returns {PointBuffer | BucketBuffer}
   */
  get track() {
    return this.#buckets ?? this.points;
  }

  /**
   * The usual interval between two readings in milliseconds; NaN while it is unknown. The readings of the last minutes
   * say most about this metric. When they are too few, the gateway's interval counts, and at last that of buckets.
   */
  get intervalMs() {
    const own = usualInterval(this.points);
    if (!Number.isNaN(own)) return own;
    if (!Number.isNaN(this.toldIntervalMs) || !this.#buckets) return this.toldIntervalMs;
    return usualInterval(this.#buckets);
  }

  /** @returns {BucketBuffer | null} */
  get buckets() {
    return this.#buckets;
  }

  /**
   * Starts buckets with the known readings, or ends them. Those of a fixed range start with the buckets shown before,
   * which stay until the history of the range has arrived.
   * @param {Bucketing | null} bucketing
   */
  setBucketing(bucketing) {
    const old = bucketing?.span ? this.#buckets : null;
    this.#buckets = bucketing && new BucketBuffer(bucketing.widthMs, bucketing.maxBuckets, bucketing.span);
    if (old) this.#buckets?.take(old);
    else if (bucketing) this.bucketPoints(-Infinity);
  }

  /**
   * Adds the points from a time on to the buckets.
   * @param {number} from Unix milliseconds
   * @param {Set<number>} [known] times that the buckets have already
   */
  bucketPoints(from, known) {
    const { points } = this;
    for (let index = points.indexAt(from); index < points.length; index += 1) {
      if (!known?.has(points.timeAt(index))) this.#buckets?.add(points.timeAt(index), points.valueAt(index));
    }
  }
}

/**
 * The received readings by device and metric, independent of the dashboard that joined their rooms, so that another
 * dashboard shows them at once. Beyond `maxSeries`, the device that has been silent longest is forgotten.
 */
export class SeriesStore {
  /**
   * Ordered by the last reading, oldest first.
   * @type {Map<string, KnownDevice>}
   */
  #devices = new Map();
  #seriesCount = 0;
  #maxSeries;
  #maxPoints;
  /** @type {Bucketing | null} */
  #bucketing = null;

  constructor({ maxSeries = 2_000, maxPoints = 2_048 } = {}) {
    this.#maxSeries = maxSeries;
    this.#maxPoints = maxPoints;
    /** Age in milliseconds up to which points are kept. */
    this.retentionMs = 300_000;
    /** Increases whenever a series is added or removed. */
    this.revision = 0;
  }

  /**
   * Takes a `data_update`. A snapshot replaces the latest value, another reading only an older one.
   * @param {import("../../windsock-client.js").DataUpdate} update
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
      series.toldIntervalMs = update.interval_ms ?? series.toldIntervalMs;
      if (!Number.isNaN(time)) {
        const isNew = series.points.add(time, value, now - this.retentionMs);
        // A snapshot is part of the history, which is requested separately.
        if (isNew && !update.snapshot) series.buckets?.add(time, value);
      }
      if (update.snapshot || !(time < series.time)) {
        series.value = value;
        series.time = time;
      }
    }
    if (this.#seriesCount > this.#maxSeries) this.#forgetOldest();
  }

  /**
   * Returns a series, and makes it when there is none: a silent device may have a history.
   * @param {string} device
   * @param {string} metric
   * @returns {Series}
   */
  ensure(device, metric) {
    const known = this.#devices.get(device) ?? newDevice();
    this.#devices.set(device, known);
    const { metrics } = known;
    const series = metrics.get(metric) ?? this.#make(metrics, device, metric);
    if (this.#seriesCount > this.#maxSeries) this.#forgetOldest();
    return series;
  }

  /**
   * Selects the buckets of a long range; those of another range are dropped.
   * @param {Bucketing | null} bucketing null: readings suffice
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

  /**
   * @param {string} device
   * @param {string} metric
   * @returns {Series | undefined}
   */
  series(device, metric) {
    return this.#devices.get(device)?.metrics.get(metric);
  }

  /**
   * Whether a device may have sent readings in a room.
   * @param {string} device
   * @param {string} room
   */
  mayBeIn(device, room) {
    const rooms = this.#devices.get(device)?.rooms;
    return rooms !== undefined && (rooms.has(room) || rooms.size >= maxRooms);
  }

  /**
   * @param {Map<string, Series>} metrics
   * @param {string} device
   * @param {string} metric
   */
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

/** @returns {KnownDevice} */
function newDevice() {
  return { metrics: new Map(), rooms: new Set() };
}
