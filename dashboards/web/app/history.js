import { roomMatches } from "../client/room-filter.js";
import { DevicePast } from "./device-past.js";
import { JoinWatch } from "./join-watch.js";
import { bucketSpan, endSpan, makeBucketing, minutesSpan } from "./past-span.js";
import { RequestQueue } from "./request-queue.js";
import { takeReadings } from "./take-readings.js";

/** Questions to the gateway at the same time. */
const maxRequests = 4;
const timeoutMs = 20_000;
/** Devices of a dashboard whose past is asked for. */
const maxDevices = 500;

/**
 * The past of a dashboard's charts: asked for when it is shown, when another range is chosen, and where a hole came to
 * be (a lost connection, a tab that slept, readings left out). One question a device at a time, for all panels that show
 * it; what is missing of a device is remembered until it is there (see {@link DevicePast}).
 *
 *     joined ──▶ devices that are known ──▶ RequestQueue (4 at once) ──▶ takeReadings ──▶ series ──▶ panels
 */
export class History {
  #context;
  #queue = new RequestQueue({ limit: maxRequests, timeoutMs });
  #panels = [];
  #range = null;
  #bucketing = null;
  /** In the order of the panels. @type {Map<string, DevicePast>} */
  #devices = new Map();
  /** @type {JoinWatch} */
  #joins;
  /** The gateway said which devices it knows. */
  #isListed = false;
  /** Why it did not. @type {Error | null} */
  #failure = null;

  /**
   * @param {object} context
   * @param {import("./series-store.js").SeriesStore} context.store
   * @param {import("./frame-loop.js").FrameLoop} context.loop
   * @param {() => number} context.serverNow
   * @param {() => boolean} context.isClockKnown whether `serverNow` is the gateway's time
   * @param {(question: object) => Promise<object>} context.ask for readings
   * @param {(signal: AbortSignal) => Promise<{device: string, room_id: string}[]>} context.devices that the gateway knows
   * @param {() => void} context.onMissing something is missing that {@link fill} may mend after a while
   */
  constructor(context) {
    this.#context = context;
    this.#joins = new JoinWatch({ isClockKnown: context.isClockKnown, onSettled: () => this.#askNow() });
  }

  /** Another dashboard, whose rooms are going to be joined. @param {import("./ranges.js").Range} range */
  show(panels, rooms, range) {
    this.#forget();
    this.#joins.begin(rooms);
    this.#begin(panels, range);
  }

  /** Another range of the same dashboard, whose rooms stay joined. @param {import("./ranges.js").Range} range */
  change(panels, range) {
    this.#forget();
    this.#begin(panels, range);
    this.#askNow();
  }

  /** Forgets everything that was asked. */
  stop() {
    this.#joins.lost();
    this.#forget();
  }

  /** A room is joined, for the first time or again, or refused: from here on nothing of it is missed. */
  joined(room) {
    this.#joins.joined(room);
  }

  /** The connection is lost: what is missed from here on is asked for when the rooms are joined again. */
  lost() {
    this.#joins.lost();
    if (!this.#isListed) this.#joins.wait();
    this.interrupted();
  }

  /**
   * Readings may be missing.
   * @param {{since?: number, room?: string}} [hole] since when, in Unix milliseconds, and in which room; without them
   *   since each device's last reading, and in all rooms
   */
  interrupted({ since, room } = {}) {
    for (const [device, past] of this.#devices) {
      if (room === undefined || this.#context.store.mayBeIn(device, room)) past.miss(since ?? this.#lastTime(device));
    }
  }

  /** Asks for what is missing, unless the rooms are still to be joined: then that is done by itself. */
  fill() {
    if (this.#joins.isLive) this.#askNow();
  }

  /** A device spoke: the past of one that nobody knew is asked for. */
  heard(device) {
    if (!this.#isListed || this.#devices.has(device)) return;
    this.#add([device]);
    this.fill();
  }

  #begin(panels, range) {
    this.#panels = panels.filter(({ wantsPast }) => wantsPast);
    this.#range = range;
    this.#bucketing = range.ms && makeBucketing(range.ms, Math.max(0, ...this.#panels.map(({ columns }) => columns)));
    this.#context.store.setBucketing(this.#bucketing);
    this.#tell();
  }

  #forget() {
    this.#queue.clear();
    this.#devices = new Map();
    this.#panels = [];
    this.#range = null;
    this.#isListed = false;
    this.#failure = null;
  }

  #askNow() {
    if (!this.#range) return;
    if (!this.#isListed) return this.#list();
    for (const [device, past] of this.#devices) if (past.isMissing && !past.isAsked) this.#ask(device, past);
    this.#tell();
  }

  async #list() {
    const { store, devices, onMissing } = this.#context;
    this.#failure = null;
    this.#tell();
    try {
      const known = await this.#queue.add((signal) => devices(signal));
      // Without `first_seen` nothing of it is stored yet: it has only said that it is online.
      const own = known.filter(({ room_id: room, first_seen: firstSeen }) =>
        firstSeen !== undefined && this.#joins.rooms.some((filter) => roomMatches(filter, room)));
      this.#isListed = true;
      this.#add([...new Set([...own.map(({ device }) => device), ...store.deviceNames])]);
      this.#askNow();
    } catch (error) {
      this.#failure = error;
      this.#tell();
      onMissing();
    }
  }

  #add(devices) {
    // By panel, so that what stands on top is drawn first.
    for (const panel of this.#panels) {
      for (const device of panel.select(devices)) {
        if (!this.#devices.has(device) && this.#devices.size < maxDevices) this.#devices.set(device, new DevicePast());
      }
    }
  }

  /** One question about a device, and a second one about the end of what came in buckets. @param {DevicePast} past */
  async #ask(device, past) {
    const { loop, onMissing } = this.#context;
    const panels = this.#panels.filter((panel) => panel.isInterestedIn(device));
    past.isAsked = true;
    try {
      const [span, hasBuckets] = await this.#take(device, panels, (sentAt) => {
        const since = past.ask(this.#joins.isLive);
        if (this.#bucketing) return bucketSpan(since, sentAt, this.#bucketing);
        return minutesSpan(since, sentAt, Math.max(...panels.map(({ windowMs }) => windowMs)));
      });
      if (hasBuckets && this.#bucketing) {
        await this.#take(device, panels, (sentAt) => endSpan(span, sentAt, this.#bucketing));
      }
      past.answered();
    } catch (error) {
      // Of a device without stored readings nothing is missing.
      if (error.code === "not_found") past.answered();
      else past.failed(error);
    }
    for (const panel of panels) loop.mark(panel);
    this.#tell();
    if (this.#joins.isLive && past.isWorthAsking) onMissing();
  }

  /** Asks, and puts the answer in its place. @returns {Promise<[import("./past-span.js").Span, boolean]>} see {@link takeReadings} */
  async #take(device, panels, makeSpan) {
    const { store, serverNow, ask } = this.#context;
    const metric = [...new Set(panels.flatMap(({ definition }) => definition.metrics))];
    let span;
    const answer = await this.#queue.add((signal) => {
      span = makeSpan(serverNow());
      return ask({ device, metric, from: span.from / 1000, to: span.to / 1000, points: span.points, signal });
    });
    const wanted = { rooms: this.#joins.rooms, oldestWanted: serverNow() - store.retentionMs };
    return [span, takeReadings(store, answer, span, wanted)];
  }

  /** The last reading of the metrics that are drawn, the one that is longest ago: since then something may be missing. */
  #lastTime(device) {
    const { store, serverNow } = this.#context;
    let last = Infinity;
    for (const { definition } of this.#panels.filter((panel) => panel.isInterestedIn(device))) {
      for (const metric of definition.metrics) last = Math.min(last, store.series(device, metric)?.time || Infinity);
    }
    return last === Infinity ? -Infinity : Math.min(last, serverNow());
  }

  /** Says on each panel how its past stands. */
  #tell() {
    for (const panel of this.#panels) {
      let isLoading = !this.#isListed;
      let failure = this.#failure;
      for (const [device, past] of this.#devices) {
        if (!panel.isInterestedIn(device)) continue;
        if (past.isAsked || !(past.isKnown || past.failure)) isLoading = true;
        else failure ??= past.failure;
      }
      panel.showPast({ isLoading: isLoading && !failure, failure, retry: () => this.#askNow() });
    }
  }
}
