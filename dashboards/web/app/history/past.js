import { getAll } from "../shared/api.js";
import { FillPacer } from "./fill-pacer.js";
import { History } from "./history.js";

/** @typedef {import("./history.js").PanelWithPast} PanelWithPast */
/** @typedef {import("../shared/time-range.js").Range} Range */

/**
 * The history of the shown dashboard, and the events that make holes in it: a lost connection, a sleeping page, a slow
 * client.
 */
export class Past {
  #loop;
  /** @type {History | null} */
  #history = null;
  /** @type {(() => void)[]} */
  #stops = [];
  #pacer = new FillPacer(() => this.#history?.fill());
  /**
   * The devices of the shown panels; null: those that the gateway lists.
   * @type {import("./history.js").KnownDevice[] | null}
   */
  #known = null;
  #sleep = new SleepWatch((since) => this.#interrupted({ since }));

  /** @param {import("../dashboard/frame-loop.js").FrameLoop} loop */
  constructor(loop) {
    this.#loop = loop;
  }

  /**
   * @param {import("../../windsock-client.js").WindsockClient} client
   * @param {string} token
   * @param {import("../series/series-store.js").SeriesStore} store
   */
  attach(client, token, store) {
    this.#history = new History({
      store, loop: this.#loop, request: (question) => client.readings(question),
      serverNow: () => client.serverNow(), isClockKnown: () => client.clock.uncertaintyMs < Infinity,
      devices: async (signal) => this.#known ?? getAll("/api/devices", "devices", token, signal),
      onMissing: () => this.#pacer.soon(),
    });
    let wasOpen = false;
    this.#stops = [
      client.on("state", ({ state }) => {
        if (wasOpen && state !== "open") this.#history?.lost();
        wasOpen = state === "open";
      }),
      // A gap with a reason is in a room's messages, which the chat reports itself.
      client.on("gap", ({ room_id: room, reason }) => !reason && this.#interrupted({ room })),
    ];
  }

  detach() {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#pacer.stop();
    this.#history?.stop();
    this.#history = null;
  }

  /**
   * Starts with another dashboard, before its rooms are joined.
   * @param {PanelWithPast[]} panels
   * @param {string[]} rooms
   * @param {Range} range
   * @param {import("./history.js").KnownDevice[] | null} known the devices of the panels, if they are known already
   */
  show(panels, rooms, range, known = null) {
    this.#known = known;
    this.#history?.show(panels, rooms, range);
  }

  /**
   * Switches the dashboard to another range.
   * @param {PanelWithPast[]} panels
   * @param {Range} range
   */
  change(panels, range) {
    this.#history?.change(panels, range);
  }

  /**
   * Takes a room of the dashboard that was joined (again) or refused.
   * @param {string} room
   */
  joined(room) {
    this.#history?.joined(room);
  }

  /**
   * Takes a device that is new to the dashboard.
   * @param {string} device
   */
  heard(device) {
    this.#history?.heard(device);
  }

  /**
   * Detects a sleep. Call it once a second.
   * @param {number} time the gateway's
   */
  tick(time) {
    this.#sleep.tick(time);
  }

  /** @param {{since?: number, room?: string}} hole */
  #interrupted(hole) {
    this.#history?.interrupted(hole);
    this.#pacer.soon();
  }
}

/** A tick this late means that the page, or the computer, slept. */
const lateMs = 15_000;
/** Readings from shortly before the sleep may be missing as well. */
const marginMs = 2_000;

/**
 * Detects by the wall clock that the page, or the computer, slept. The gateway's time steps when it becomes known, and
 * the steady clock stands still while some computers sleep.
 */
export class SleepWatch {
  #onSlept;
  #wallNow;
  /**
   * Wall clock time of the last tick.
   * @type {number | null}
   */
  #lastTick = null;

  /**
   * @param {(since: number) => void} onSlept `since`: Unix milliseconds of the gateway. Readings
   *   may be missing from then on
   * @param {() => number} wallNow Unix milliseconds
   */
  constructor(onSlept, wallNow = Date.now) {
    this.#onSlept = onSlept;
    this.#wallNow = wallNow;
  }

  /**
   * Call it once a second.
   * @param {number} time the gateway's
   */
  tick(time) {
    const wall = this.#wallNow();
    const elapsed = wall - (this.#lastTick ?? wall);
    this.#lastTick = wall;
    if (elapsed > lateMs) this.#onSlept(time - elapsed - marginMs);
  }
}
