import { getJSON } from "./api.js";
import { History } from "./history.js";
import { SleepWatch } from "./sleep-watch.js";

/** The past of what is shown, and whatever may tear holes into it: the connection, a tab that slept, a slow client. */
export class Past {
  #loop;
  /** @type {History | null} */
  #history = null;
  #stops = [];
  #sleep = new SleepWatch((since) => {
    this.#history?.interrupted(since);
    this.#history?.fill();
  });

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
      store, loop: this.#loop, serverNow: () => client.serverNow(), ask: (question) => client.readings(question),
      devices: async (signal) => (await getJSON("/api/devices", token, signal)).devices.map(({ device }) => device),
    });
    let wasOpen = false;
    this.#stops = [
      client.on("state", ({ state }) => {
        if (wasOpen && state !== "open") this.#history?.interrupted();
        wasOpen = state === "open";
      }),
      // With a reason it is a hole in what was said, which the chat tells itself.
      client.on("gap", ({ reason }) => !reason && this.#sleep.missed()),
    ];
  }

  detach() {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#history?.stop();
    this.#history = null;
  }

  /** Another dashboard, whose rooms are going to be joined. */
  show(panels, range) {
    this.#history.show(panels, range);
    this.#history.load();
  }

  /** Another range of the same dashboard. */
  change(panels, range) {
    this.#history.show(panels, range);
    this.#history.load({ now: true });
  }

  /** A room of the dashboard is joined, for the first time or again. */
  joined() {
    this.#history?.joined();
  }

  /** A device spoke that is new to the dashboard. @param {string} device */
  heard(device) {
    this.#history?.heard(device);
  }

  /** Once a second. @param {number} time the gateway's */
  tick(time) {
    this.#sleep.tick(time);
  }
}
