import { getAll } from "./api.js";
import { FillPacer } from "./fill-pacer.js";
import { History } from "./history.js";
import { SleepWatch } from "./sleep-watch.js";

/** The past of what is shown, and whatever may tear holes into it: the connection, a tab that slept, a slow client. */
export class Past {
  #loop;
  /** @type {History | null} */
  #history = null;
  #stops = [];
  #pacer = new FillPacer(() => this.#history?.fill());
  #sleep = new SleepWatch((since) => this.#interrupted({ since }));

  /** @param {import("./frame-loop.js").FrameLoop} loop */
  constructor(loop) {
    this.#loop = loop;
  }

  /**
   * @param {import("../windsock-client.js").WindsockClient} client
   * @param {string} token
   * @param {import("./series-store.js").SeriesStore} store
   */
  attach(client, token, store) {
    this.#history = new History({
      store, loop: this.#loop, ask: (question) => client.readings(question),
      serverNow: () => client.serverNow(), isClockKnown: () => client.clock.uncertaintyMs < Infinity,
      devices: (signal) => getAll("/api/devices", "devices", token, signal),
      onMissing: () => this.#pacer.soon(),
    });
    let wasOpen = false;
    this.#stops = [
      client.on("state", ({ state }) => {
        if (wasOpen && state !== "open") this.#history?.lost();
        wasOpen = state === "open";
      }),
      // With a reason it is a hole in what was said, which the chat tells itself.
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

  /** Another dashboard, whose rooms are going to be joined. */
  show(panels, rooms, range) {
    this.#history.show(panels, rooms, range);
  }

  /** Another range of the same dashboard. */
  change(panels, range) {
    this.#history.change(panels, range);
  }

  /** A room of the dashboard is joined, for the first time or again, or refused. @param {string} room */
  joined(room) {
    this.#history?.joined(room);
  }

  /** A device spoke that is new to the dashboard. @param {string} device */
  heard(device) {
    this.#history?.heard(device);
  }

  /** Once a second. @param {number} time the gateway's */
  tick(time) {
    this.#sleep.tick(time);
  }

  #interrupted(hole) {
    this.#history?.interrupted(hole);
    this.#pacer.soon();
  }
}
