import { collator } from "../shared/names.js";
import { staleAfter } from "../shared/rhythm.js";

/** Age from which a device of unknown rhythm is stale: that at which the gateway calls devices offline by default. */
const unknownStaleMs = 300_000;

/** @typedef {import("../shared/gateway-types.js").Device} Device */
/** @typedef {import("../../windsock-client.js").Alert} Alert */
/** @typedef {"offline" | "alert" | "stale" | "none"} Trouble */
/**
 * A device in a room, as the list shows it. Times are Unix milliseconds.
 * @typedef {object} ListedDevice
 * @property {string} key
 * @property {string} device
 * @property {string} room
 * @property {Record<string, number>} data without `timestamp`
 * @property {Record<string, string>} units
 * @property {number} seen Time of the last message. If the broker had retained that message, the time of its value.
 * @property {number} intervalMs NaN: unknown
 * @property {string | undefined} status
 * @property {number} since of the status
 * @property {{count: number, isFiring: boolean}} alerts
 */

/** Kinds of trouble, worst first. */
export const troubles = /** @type {const} */ (["offline", "alert", "stale"]);

/** All devices in the rooms of the token, sorted by trouble and name. */
export class DeviceList {
  /** @type {Map<string, ListedDevice>} */
  #devices = new Map();
  /**
   * By name.
   * @type {ListedDevice[]}
   */
  #sorted = [];

  get size() {
    return this.#sorted.length;
  }

  /**
   * Takes the gateway's lists.
   * @param {Device[]} devices
   * @param {Alert[]} alerts pending and firing ones
   */
  replace(devices, alerts) {
    /** @type {Map<string, {count: number, isFiring: boolean}>} */
    const byDevice = new Map();
    for (const { device, room_id: room, state } of alerts) {
      const known = byDevice.get(deviceKey(room, device)) ?? { count: 0, isFiring: false };
      known.count += 1;
      known.isFiring ||= state === "firing";
      byDevice.set(deviceKey(room, device), known);
    }
    const earlier = this.#devices;
    this.#devices = new Map();
    for (const device of devices) {
      const listed = toListed(device, byDevice.get(deviceKey(device.room_id, device.device)));
      const known = earlier.get(listed.key);
      // A reading may have arrived while the list was on its way.
      if (known && known.seen > listed.seen) {
        [listed.data, listed.units, listed.seen] = [known.data, known.units, known.seen];
      }
      this.#devices.set(listed.key, listed);
    }
    this.#sorted = [...this.#devices.values()].sort((a, b) =>
      collator.compare(a.device, b.device) || collator.compare(a.room, b.room));
  }

  /**
   * Takes a live reading.
   * @param {import("../../windsock-client.js").DataUpdate} update
   * @param {number} now
   * @returns {string | null} the key of the device, if it is listed
   */
  received({ room_id: room, device, data, units, snapshot, retained, interval_ms: interval }, now) {
    const known = this.#devices.get(deviceKey(room, device));
    if (!known || snapshot) return null;
    const { timestamp: _, ...values } = data;
    known.data = { ...known.data, ...values };
    known.units = { ...known.units, ...units };
    known.intervalMs = interval ?? known.intervalMs;
    if (!retained) known.seen = now;
    return known.key;
  }

  /**
   * Takes a status.
   * @param {Pick<import("../../windsock-client.js").DeviceStatus, "room_id" | "device" | "status" | "since">} status
   * @returns {boolean} whether the device is listed
   */
  setStatus({ room_id: room, device, status, since }) {
    const known = this.#devices.get(deviceKey(room, device));
    if (!known) return false;
    [known.status, known.since] = [status, Date.parse(since)];
    return true;
  }

  /**
   * Returns the devices that match, those with trouble first, and the number of each kind among those that the search
   * matches.
   * @param {{search: string, only: Trouble | null}} choice `search`: a part of the name or room; `only`: kind of
   *   trouble
   * @param {number} now
   */
  select({ search, only }, now) {
    const wanted = search.trim().toLocaleLowerCase("en");
    /** @type {Record<Trouble, ListedDevice[]>} */
    const groups = { offline: [], alert: [], stale: [], none: [] };
    for (const device of this.#sorted) {
      if (wanted && !`${device.device}\n${device.room}`.toLocaleLowerCase("en").includes(wanted)) continue;
      groups[troubleOf(device, now)].push(device);
    }
    const { offline, alert, stale, none } = groups;
    const devices = only ? groups[only] : [...offline, ...alert, ...stale, ...none];
    return { devices, counts: { offline: offline.length, alert: alert.length, stale: stale.length } };
  }
}

/**
 * Returns the worst trouble of a device.
 * @param {ListedDevice} device
 * @param {number} now
 * @returns {Trouble}
 */
export function troubleOf({ status, alerts, seen, intervalMs }, now) {
  if (status === "offline") return "offline";
  if (alerts.count > 0) return "alert";
  const staleMs = Number.isNaN(intervalMs) ? unknownStaleMs : staleAfter(intervalMs);
  return now - seen > staleMs ? "stale" : "none";
}

/**
 * @param {string} room
 * @param {string} device
 */
function deviceKey(room, device) {
  return `${room}\n${device}`;
}

/**
 * @param {Device} device
 * @param {{count: number, isFiring: boolean}} alerts
 * @returns {ListedDevice}
 */
function toListed(device, alerts = { count: 0, isFiring: false }) {
  const { device: name, room_id: room, units, last_seen: lastSeen, interval_ms: interval = NaN, status } = device;
  const { timestamp: _, ...data } = device.data;
  return {
    key: deviceKey(room, name), device: name, room, data, units, seen: lastSeen * 1000, intervalMs: interval, status,
    since: Date.parse(device.status_since ?? ""), alerts,
  };
}
