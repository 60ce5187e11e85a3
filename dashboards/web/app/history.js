import { getJSON } from "./api.js";

/** Requests under way at once. */
const maxRequests = 4;
/** Devices whose past is asked for; a dashboard of more shows the rest from now on. */
const maxDevices = 200;
/** Points of a series that are asked for: two to a pixel of an ordinary chart, as lowest and highest. */
const maxPoints = 600;
/** A reading may have been under way when the connection broke. */
const overlapMs = 5_000;

/**
 * Fills the store with what was measured before the page was opened, and with what was missed while it was cut off:
 * from `GET /api/readings`, a request a device, few at once. A new range, or another dashboard, ends what is under way.
 */
export class History {
  #store;
  #onChange;
  #serverNow;
  #token = "";
  #abort = new AbortController();
  #queue = [];
  #running = 0;
  #failed = [];
  /** How far back each device's metrics are known: `device\nmetric` → Unix milliseconds. @type {Map<string, number>} */
  #knownFrom = new Map();
  #lostAt = null;

  /**
   * @param {import("./series-store.js").SeriesStore} store
   * @param {() => number} serverNow
   * @param {(state: {waiting: number, failed: string | null}) => void} onChange
   */
  constructor(store, serverNow, onChange) {
    this.#store = store;
    this.#serverNow = serverNow;
    this.#onChange = onChange;
  }

  start(token) {
    this.#token = token;
    this.#lostAt = null;
  }

  stop() {
    this.#cancel();
    this.#knownFrom.clear();
  }

  /**
   * Asks for what panels show of the last `rangeMs`, as far as it is not known.
   * @param {{isInterestedIn: (device: string) => boolean, definition: {metrics: string[]}}[]} panels
   * @param {number} rangeMs
   */
  async show(panels, rangeMs) {
    this.#cancel();
    const { signal } = this.#abort;
    let devices;
    try {
      ({ devices } = await getJSON("/api/devices", this.#token, { signal }));
    } catch (error) {
      if (!signal.aborted) this.#fail(error, () => this.show(panels, rangeMs));
      return;
    }
    if (signal.aborted) return;
    const from = this.#serverNow() - rangeMs;
    const wanted = devices.filter(({ device }) => panels.some((panel) => panel.isInterestedIn(device)));
    for (const { device } of wanted.slice(0, maxDevices)) {
      const metrics = new Set(panels.filter((panel) => panel.isInterestedIn(device)).flatMap((panel) => panel.definition.metrics));
      const missing = [...metrics].filter((metric) => !(this.#knownFrom.get(`${device}\n${metric}`) <= from));
      if (missing.length > 0) this.#enqueue({ device, metrics: missing, from, isWhole: true });
    }
    this.#next();
  }

  /** The connection is lost: what comes from now on is missed. */
  lost() {
    this.#lostAt ??= this.#serverNow() - overlapMs;
  }

  /** The connection is back: asks for what was missed. */
  recovered() {
    if (this.#lostAt === null) return;
    const from = this.#lostAt;
    this.#lostAt = null;
    const devices = new Map();
    for (const key of this.#knownFrom.keys()) {
      // A device's name has no line break; a metric's may.
      const end = key.indexOf("\n");
      const [device, metric] = [key.slice(0, end), key.slice(end + 1)];
      devices.set(device, [...(devices.get(device) ?? []), metric]);
    }
    for (const [device, metrics] of devices) this.#enqueue({ device, metrics, from, isWhole: false });
    this.#next();
  }

  /** Tries again what failed. */
  retry() {
    const failed = this.#failed;
    this.#failed = [];
    for (const { again } of failed) again();
    this.#next();
  }

  #enqueue(request) {
    this.#queue.push(request);
  }

  #next() {
    while (this.#running < maxRequests && this.#queue.length > 0) this.#load(this.#queue.shift());
    this.#tell();
  }

  async #load(request) {
    const { signal } = this.#abort;
    this.#running += 1;
    const query = new URLSearchParams({ device: request.device, from: request.from / 1000, points: maxPoints });
    for (const metric of request.metrics) query.append("metric", metric);
    try {
      const { device, series } = await getJSON(`/api/readings?${query}`, this.#token, { signal });
      for (const line of series) this.#store.addPast(device, line, this.#serverNow());
      this.#know(request);
    } catch (error) {
      if (signal.aborted) return;
      // Nothing is stored: that is known now, too.
      if (error.status === 404) this.#know(request);
      else this.#fail(error, () => this.#enqueue(request));
    }
    if (signal.aborted) return;
    this.#running -= 1;
    this.#next();
  }

  #know({ device, metrics, from, isWhole }) {
    if (isWhole) for (const metric of metrics) this.#knownFrom.set(`${device}\n${metric}`, from);
  }

  #fail(error, again) {
    this.#failed.push({ message: error.status ? error.message : "The gateway does not answer.", again });
    this.#tell();
  }

  #cancel() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#queue = [];
    this.#failed = [];
    this.#running = 0;
  }

  #tell() {
    this.#onChange({ waiting: this.#running + this.#queue.length, failed: this.#failed[0]?.message ?? null });
  }
}
