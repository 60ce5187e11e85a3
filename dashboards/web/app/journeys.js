/** Readings whose way is remembered; of older ones the gateway has no trace any more either. */
const maxJourneys = 20_000;

/**
 * The way of one reading as far as this page knows it. Times are Unix milliseconds by the gateway's clock.
 * @typedef {object} Journey
 * @property {string} device
 * @property {string} room
 * @property {number} time when the device measured it
 * @property {number} sentAt when the gateway made the message
 * @property {number} receivedAt when it came
 * @property {number | null} paintedAt when it was on the screen; null while it is not
 * @property {string | null} traceID
 * @property {number} offsetMs the gateway's clock minus ours, with which the times were corrected
 * @property {number} uncertaintyMs how far off that can be
 */

/** The ways of the last readings, found by device and time: what the points of a chart are known by. */
export class Journeys {
  /** Oldest first. @type {Map<string, Journey>} */
  #journeys = new Map();

  /**
   * Takes a live reading; a snapshot's way was another one.
   * @param {import("../windsock-client.js").DataUpdate} update
   * @param {import("../windsock-client.js").Envelope} envelope
   * @param {number} receivedAt the gateway's time
   * @param {{offsetMs: number, uncertaintyMs: number}} clock
   * @returns {Journey | null}
   */
  add({ device, room_id: room, data, snapshot }, envelope, receivedAt, clock) {
    if (snapshot) return null;
    const time = data.timestamp * 1000;
    const journey = {
      device, room, time, sentAt: Date.parse(envelope.timestamp), receivedAt, paintedAt: null,
      traceID: envelope.trace_id ?? null, ...clock,
    };
    const key = this.#key(device, time);
    this.#journeys.delete(key);
    this.#journeys.set(key, journey);
    if (this.#journeys.size > maxJourneys) this.#journeys.delete(this.#journeys.keys().next().value);
    return journey;
  }

  /** @param {string} device @param {number} time of the reading @returns {Journey | undefined} */
  find(device, time) {
    return this.#journeys.get(this.#key(device, time));
  }

  #key(device, time) {
    return `${time} ${device}`;
  }
}
