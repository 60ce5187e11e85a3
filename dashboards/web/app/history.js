import { RequestQueue } from "./request-queue.js";
import { takeReadings } from "./take-readings.js";

/** Questions to the gateway at the same time. */
const maxRequests = 4;
const timeoutMs = 20_000;
/** Devices of a dashboard whose past is asked for. */
const maxDevices = 500;
/** Clocks of devices may be ahead so far: what they measured "later" is asked for, too. */
const aheadMs = 300_000;
/** Points of one series: what the page keeps of the last minutes, and the bounds of what a long range is asked for. */
const livePoints = 2_000;
const columnBounds = { least: 120, most: 1_500 };
/** Rooms of a dashboard are joined one after the other; the past is asked for when the last one is. */
const settleMs = 60;
/** Without a join, as while the connection is refused, the past is shown all the same. */
const patienceMs = 2_500;

/**
 * The past of a dashboard's charts: asked for when it is shown, when another range is chosen, and where a hole came to
 * be (a lost connection, a tab that slept, readings left out). One question a device, for all panels that show it.
 *
 *     joined ──▶ devices that are known ──▶ RequestQueue (4 at once) ──▶ takeReadings ──▶ series ──▶ panels
 */
export class History {
  #context;
  #queue = new RequestQueue({ limit: maxRequests, timeoutMs });
  #panels = [];
  #range = null;
  #bucketing = null;
  /** @type {Map<string, "asked" | "known" | Error>} by device */
  #states = new Map();
  /** Since when readings may be missing, by device. @type {Map<string, number> | null} */
  #holes = null;
  #timer = 0;
  #isLoaded = false;
  /** Why the devices are not known. @type {Error | null} */
  #failure = null;

  /**
   * @param {object} context
   * @param {import("./series-store.js").SeriesStore} context.store
   * @param {import("./frame-loop.js").FrameLoop} context.loop
   * @param {() => number} context.serverNow
   * @param {(question: object) => Promise<object>} context.ask for readings
   * @param {(signal: AbortSignal) => Promise<string[]>} context.devices the names that the gateway knows
   */
  constructor(context) {
    this.#context = context;
  }

  /** Another dashboard, or another range. @param {object[]} panels @param {import("./ranges.js").Range} range */
  show(panels, range) {
    this.stop();
    this.#panels = panels.filter(({ wantsPast }) => wantsPast);
    this.#range = range;
    this.#bucketing = range.ms && this.#makeBucketing(range.ms);
    this.#context.store.setBucketing(this.#bucketing);
    this.#tell();
  }

  /** Forgets everything that was asked. */
  stop() {
    clearTimeout(this.#timer);
    this.#queue.clear();
    this.#states.clear();
    this.#holes = null;
    this.#panels = [];
    this.#range = null;
    this.#isLoaded = false;
    this.#failure = null;
  }

  /** Asks for the past now, or when the rooms are joined. */
  load({ now = false } = {}) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), now ? 0 : patienceMs);
  }

  /** The rooms are joined: from here on nothing is missed, what was before can be asked for. */
  joined() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#holes ? this.#fill() : this.#load()), settleMs);
  }

  /**
   * Readings may be missing: they are asked for with the next {@link joined}, or by {@link fill}.
   * @param {number} [since] Unix milliseconds; without it since each device's last reading
   */
  interrupted(since) {
    if (!this.#isLoaded) return;
    const holes = (this.#holes ??= new Map());
    for (const [device, state] of this.#states) {
      const from = state instanceof Error ? -Infinity : (since ?? this.#lastTime(device));
      holes.set(device, Math.min(from, holes.get(device) ?? Infinity));
    }
  }

  /** Fills the holes now, when there are any. */
  fill() {
    if (this.#holes) this.joined();
  }

  /** A device spoke: the past of one that nobody knew is asked for. */
  heard(device) {
    if (this.#isLoaded && !this.#states.has(device)) this.#ask([device]);
  }

  /** Asks again for what failed. */
  retry() {
    if (!this.#isLoaded) return this.#load();
    const failed = [...this.#states].filter(([, state]) => state instanceof Error).map(([device]) => device);
    for (const device of failed) this.#states.delete(device);
    this.#ask(failed);
  }

  async #load() {
    const range = this.#range;
    if (!range) return;
    const { store, devices } = this.#context;
    this.#failure = null;
    this.#tell();
    try {
      const known = await this.#queue.add((signal) => devices(signal));
      if (this.#range !== range) return;
      this.#isLoaded = true;
      this.#ask([...new Set([...known, ...store.deviceNames])]);
    } catch (error) {
      if (this.#range !== range) return;
      this.#failure = error;
      this.#tell();
    }
  }

  #fill() {
    const holes = this.#holes;
    this.#holes = null;
    for (const [device, from] of holes) this.#askOne(device, from);
    this.#tell();
  }

  #ask(devices) {
    const wanted = new Set();
    // By panel, so that what stands on top is drawn first.
    for (const panel of this.#panels) for (const device of panel.select(devices)) wanted.add(device);
    for (const device of wanted) {
      if (this.#states.has(device) || this.#states.size >= maxDevices) continue;
      this.#askOne(device, -Infinity);
    }
    this.#tell();
  }

  /** @param {number} since Unix milliseconds; the range's beginning when that is later */
  async #askOne(device, since) {
    const { store, serverNow, ask } = this.#context;
    const panels = this.#panels.filter((panel) => panel.isInterestedIn(device));
    const metric = [...new Set(panels.flatMap(({ definition }) => definition.metrics))];
    const [bucketing, range] = [this.#bucketing, this.#range];
    this.#states.set(device, "asked");
    let span;
    let answer = null;
    try {
      answer = await this.#queue.add((signal) => {
        span = this.#span(since, panels);
        return ask({ device, metric, from: span.from / 1000, to: span.to / 1000, points: span.points, signal });
      });
    } catch (error) {
      if (this.#range !== range || this.#bucketing !== bucketing) return;
      if (error.code !== "not_found") {
        this.#states.set(device, error);
        return this.#tell();
      }
    }
    if (this.#range !== range || this.#bucketing !== bucketing) return;
    this.#states.set(device, "known");
    if (answer) takeReadings(store, answer, { ...span, oldestWanted: serverNow() - store.retentionMs });
    for (const panel of panels) this.#context.loop.mark(panel);
    this.#tell();
  }

  /** What to ask for: on the grid of buckets, so that the gateway's are ours. */
  #span(since, panels) {
    const sentAt = this.#context.serverNow();
    if (!this.#bucketing) {
      const windowMs = Math.max(...panels.map((panel) => panel.windowMs));
      return { sentAt, from: Math.max(since, sentAt - windowMs), to: sentAt + aheadMs, points: livePoints };
    }
    const { widthMs } = this.#bucketing;
    const from = Math.floor(Math.max(since, sentAt - this.#range.ms) / widthMs) * widthMs;
    const points = Math.ceil((sentAt + aheadMs - from) / widthMs);
    return { sentAt, from, to: from + points * widthMs, points };
  }

  #makeBucketing(ms) {
    const widest = Math.max(0, ...this.#panels.map(({ columns }) => columns));
    const columns = Math.min(columnBounds.most, Math.max(columnBounds.least, widest));
    // Whole seconds, so that times in the address are round and no bucket is a hair's breadth off.
    const widthMs = Math.ceil(ms / columns / 1_000) * 1_000;
    return { widthMs, maxBuckets: Math.ceil((ms + aheadMs) / widthMs) + 2 };
  }

  /** The last reading of the metrics that are drawn, the one that is longest ago: since then something may be missing. */
  #lastTime(device) {
    let last = Infinity;
    for (const { series } of this.#panels) {
      for (const one of series) if (one.device === device && one.time < last) last = one.time;
    }
    return last === Infinity ? -Infinity : last;
  }

  /** Says on each panel how its past stands. */
  #tell() {
    for (const panel of this.#panels) {
      let isLoading = !this.#isLoaded;
      let failure = this.#failure;
      for (const [device, state] of this.#states) {
        if (state === "known" || !panel.isInterestedIn(device)) continue;
        if (state === "asked") isLoading = true;
        else failure = state;
      }
      panel.showPast({ isLoading: isLoading && !failure, failure, retry: () => this.retry() });
    }
  }
}
