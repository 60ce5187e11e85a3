/** Journeys that are kept. The gateway has no trace of older readings either. */
const maxJourneys = 20_000;

/**
 * The way of a reading from device to screen, as far as this page knows it. Times are Unix milliseconds by the
 * gateway's clock.
 * @typedef {object} Journey
 * @property {string} device
 * @property {string} room
 * @property {number} time measured by the device
 * @property {number} sentAt published by the gateway
 * @property {number} receivedAt
 * @property {number | null} paintedAt null before the paint
 * @property {string | null} traceID
 * @property {number} offsetMs the offset to the gateway's clock that corrected the times
 * @property {number} uncertaintyMs of the offset
 */

/** The journeys of the last readings by device and time, which identify the points of a chart. */
export class Journeys {
  /**
   * Oldest first.
   * @type {Map<string, Journey>}
   */
  #journeys = new Map();

  /**
   * Adds a live reading. A snapshot has no journey of its own.
   * @param {import("../../windsock-client.js").DataUpdate} update
   * @param {import("../../windsock-client.js").Envelope} envelope
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
    if (this.#journeys.size > maxJourneys) {
      const [oldest] = this.#journeys.keys();
      this.#journeys.delete(oldest);
    }
    return journey;
  }

  /**
   * @param {string} device
   * @param {number} time of the reading
   * @returns {Journey | undefined}
   */
  find(device, time) {
    return this.#journeys.get(this.#key(device, time));
  }

  /**
   * @param {string} device
   * @param {number} time
   */
  #key(device, time) {
    return `${time} ${device}`;
  }
}
