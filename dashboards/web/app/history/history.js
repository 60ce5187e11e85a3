import { roomMatches } from "../../client/rooms.js";
import { DevicePast } from "./device-past.js";
import { JoinWatch } from "./join-watch.js";
import { bucketQuery, endQuery, makeBucketing, minutesQuery } from "./readings-query.js";
import { RequestQueue } from "./request-queue.js";
import { takeReadings } from "./take-readings.js";

/** Concurrent requests. */
const maxRequests = 4;
const timeoutMs = 20_000;
/** Devices of a dashboard whose history is requested. */
const maxDevices = 500;

/** @typedef {import("../../windsock-client.js").Readings} Readings */
/** @typedef {import("../../windsock-client.js").ReadingsQuestion} ReadingsQuestion */
/** @typedef {import("../shared/time-range.js").Range} Range */
/** @typedef {Pick<import("../shared/gateway-types.js").Device, "device" | "room_id" | "first_seen">} KnownDevice */
/** @typedef {import("./readings-query.js").ReadingsQuery} ReadingsQuery */
/**
 * The members of a panel that history needs.
 * @typedef {Pick<import("../panels/panel.js").Panel, "wantsPast" | "columns" | "windowMs" | "definition"
 *   | "isInterestedIn" | "select" | "showPast" | "isVisible" | "draw">} PanelWithPast
 */

/**
 * Loads the history of a dashboard's charts: when it is shown, when another range is chosen, and after a hole (a lost
 * connection, a sleeping page, dropped readings). Each device has one request at a time, for all panels that show it.
 * {@link DevicePast} keeps what is still missing.
 *
 *     joined ──▶ known devices ──▶ RequestQueue (4 at once) ──▶ takeReadings ──▶ series ──▶ panels
 */
export class History {
  #context;
  #queue = new RequestQueue({ limit: maxRequests, timeoutMs });
  /** @type {PanelWithPast[]} */
  #panels = [];
  /** @type {Range | null} */
  #range = null;
  /** @type {ReturnType<typeof makeBucketing> | null} */
  #bucketing = null;
  /**
   * In the order of the panels.
   * @type {Map<string, DevicePast>}
   */
  #devices = new Map();
  /** @type {JoinWatch} */
  #joins;
  /** The gateway's list of devices has arrived. */
  #isListed = false;
  /**
   * Error of the list of devices, or null.
   * @type {Error | null}
   */
  #failure = null;

  /**
   * @param {object} context
   * @param {import("../series/series-store.js").SeriesStore} context.store
   * @param {import("../dashboard/frame-loop.js").FrameLoop} context.loop
   * @param {() => number} context.serverNow
   * @param {() => boolean} context.isClockKnown whether `serverNow` is the gateway's time
   * @param {(question: ReadingsQuestion) => Promise<Readings>} context.request
   * @param {(signal: AbortSignal) => Promise<KnownDevice[]>} context.devices lists the devices that the gateway knows
   * @param {() => void} context.onMissing readings are missing that {@link fill} may get after a while
   */
  constructor(context) {
    this.#context = context;
    this.#joins = new JoinWatch({ isClockKnown: context.isClockKnown, onSettled: () => this.#requestMissing() });
  }

  /**
   * Starts with another dashboard, before its rooms are joined.
   * @param {PanelWithPast[]} panels
   * @param {string[]} rooms
   * @param {Range} range
   */
  show(panels, rooms, range) {
    this.#forget();
    this.#joins.begin(rooms);
    this.#begin(panels, range);
  }

  /**
   * Switches the dashboard, whose rooms stay joined, to another range.
   * @param {PanelWithPast[]} panels
   * @param {Range} range
   */
  change(panels, range) {
    const known = this.#isListed ? [...this.#devices.keys()] : null;
    this.#forget();
    this.#begin(panels, range);
    if (known) {
      this.#isListed = true;
      this.#add(known);
    }
    this.#requestMissing();
  }

  /** Drops all requests. */
  stop() {
    this.#joins.lost();
    this.#forget();
  }

  /**
   * Takes a room that was joined (again) or refused: from now on none of its readings is missed.
   * @param {string} room
   */
  joined(room) {
    this.#joins.joined(room);
  }

  /** Takes the loss of the connection. Readings missed from now on are requested when the rooms are joined again. */
  lost() {
    this.#joins.lost();
    if (!this.#isListed) this.#joins.wait();
    this.interrupted();
  }

  /**
   * Notes that readings may be missing.
   * @param {{since?: number, room?: string}} hole `since`: Unix milliseconds, default each device's last reading;
   *   `room`: default all
   */
  interrupted({ since, room } = {}) {
    const end = this.#bucketing?.span?.to ?? Infinity;
    for (const [device, past] of this.#devices) {
      if (room !== undefined && !this.#context.store.mayBeIn(device, room)) continue;
      const time = since ?? this.#lastTime(device);
      // Readings after a fixed range are not part of it.
      if (time < end) past.miss(time);
    }
  }

  /** Requests missing readings. Before the rooms are joined it does nothing, because the join requests them. */
  fill() {
    if (this.#joins.isLive) this.#requestMissing();
  }

  /**
   * Takes a device with a live reading. The history of an unknown device is requested.
   * @param {string} device
   */
  heard(device) {
    if (!this.#isListed || this.#devices.has(device)) return;
    this.#add([device]);
    this.fill();
  }

  /**
   * @param {PanelWithPast[]} panels
   * @param {Range} range
   */
  #begin(panels, range) {
    this.#panels = panels.filter(({ wantsPast }) => wantsPast);
    this.#range = range;
    const columns = Math.max(0, ...this.#panels.map((panel) => panel.columns));
    this.#bucketing = range.ms === null ? null : makeBucketing(range.ms, columns, range.span);
    this.#context.store.setBucketing(this.#bucketing);
    this.#showStatus();
  }

  #forget() {
    this.#queue.clear();
    this.#devices = new Map();
    this.#panels = [];
    this.#range = null;
    this.#isListed = false;
    this.#failure = null;
  }

  #requestMissing() {
    if (!this.#range) return;
    if (!this.#isListed) return this.#list();
    for (const [device, past] of this.#devices) if (past.isMissing && !past.isRequested) this.#load(device, past);
    this.#showStatus();
  }

  async #list() {
    const { store, devices, onMissing } = this.#context;
    this.#failure = null;
    this.#showStatus();
    try {
      const known = await this.#queue.add((signal) => devices(signal));
      // A device without `first_seen` has no stored readings; it has only announced itself.
      const wanted = known.filter(({ room_id: room, first_seen: firstSeen }) =>
        firstSeen !== undefined && this.#joins.rooms.some((filter) => roomMatches(filter, room)));
      this.#isListed = true;
      this.#add([...new Set([...wanted.map(({ device }) => device), ...store.deviceNames])]);
      this.#requestMissing();
    } catch (error) {
      this.#failure = error;
      this.#showStatus();
      onMissing();
    }
  }

  /** @param {string[]} devices */
  #add(devices) {
    // In the order of the panels, so that the top of the page is drawn first.
    for (const panel of this.#panels) {
      for (const device of panel.select(devices)) {
        if (!this.#devices.has(device) && this.#devices.size < maxDevices) this.#devices.set(device, new DevicePast());
      }
    }
  }

  /**
   * Loads a device's history. A second request follows for the end of an answer in buckets.
   * @param {string} device
   * @param {DevicePast} past
   */
  async #load(device, past) {
    const { loop, onMissing } = this.#context;
    const panels = this.#panels.filter((panel) => panel.isInterestedIn(device));
    past.isRequested = true;
    try {
      const { query, hasBuckets } = await this.#request(device, panels, (sentAt) => {
        const since = past.request(this.#joins.isLive);
        if (this.#bucketing) return bucketQuery(since, sentAt, this.#bucketing);
        return minutesQuery(since, sentAt, Math.max(...panels.map(({ windowMs }) => windowMs)));
      });
      const bucketing = this.#bucketing;
      if (hasBuckets && bucketing && !query.isPast) {
        await this.#request(device, panels, (sentAt) => endQuery(query, sentAt, bucketing));
      }
      past.answered();
    } catch (error) {
      // Nothing is missing of a device without stored readings.
      if (error.code === "not_found") past.answered();
      else past.failed(error);
    }
    for (const panel of panels) loop.mark(panel);
    this.#showStatus();
    if (this.#joins.isLive && past.isWorthRetrying) onMissing();
  }

  /**
   * Sends a query and merges its answer.
   * @param {string} device
   * @param {PanelWithPast[]} panels
   * @param {(sentAt: number) => ReadingsQuery} makeQuery
   * @returns {Promise<{query: ReadingsQuery, hasBuckets: boolean}>} see {@link takeReadings}
   */
  async #request(device, panels, makeQuery) {
    const { store, serverNow, request } = this.#context;
    const metric = [...new Set(panels.flatMap(({ definition }) => definition.metrics))];
    const { query, answer } = await this.#queue.add(async (signal) => {
      const query = makeQuery(serverNow());
      const { from, to, points } = query;
      return { query, answer: await request({ device, metric, from: from / 1000, to: to / 1000, points, signal }) };
    });
    const wanted = { rooms: this.#joins.rooms, oldestWanted: serverNow() - store.retentionMs };
    return { query, hasBuckets: takeReadings(store, answer, query, wanted) };
  }

  /**
   * Returns the time of a device's last reading, for the metric with the oldest one. Later readings may be missing.
   * @param {string} device
   */
  #lastTime(device) {
    const { store, serverNow } = this.#context;
    let last = Infinity;
    for (const { definition } of this.#panels.filter((panel) => panel.isInterestedIn(device))) {
      for (const metric of definition.metrics) last = Math.min(last, store.series(device, metric)?.time || Infinity);
    }
    return last === Infinity ? -Infinity : Math.min(last, serverNow());
  }

  /** Shows on each panel whether its history is loading or failed. */
  #showStatus() {
    for (const panel of this.#panels) {
      let isLoading = !this.#isListed;
      let failure = this.#failure;
      for (const [device, past] of this.#devices) {
        if (!panel.isInterestedIn(device)) continue;
        if (past.isRequested || !(past.isKnown || past.failure)) isLoading = true;
        else failure ??= past.failure;
      }
      panel.showPast({ isLoading: isLoading && !failure, failure, retry: () => this.#requestMissing() });
    }
  }
}
