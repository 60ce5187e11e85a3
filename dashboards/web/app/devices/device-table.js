import { byID, element, setData, setText } from "../shared/dom.js";
import { formatAge, formatNumber, unitSuffix } from "../shared/format.js";
import { metricLabel, own } from "../shared/names.js";
import { deviceLink } from "../shared/places.js";
import { moment } from "../alerts/alert-words.js";
import { troubleOf } from "./device-list.js";

/** Values of a device that a row shows. */
const maxValues = 4;

/** @typedef {import("./device-list.js").ListedDevice} ListedDevice */
/**
 * @typedef {{device: ListedDevice, root: HTMLElement, state: HTMLElement, values: HTMLElement, age: HTMLElement}} Row
 */

/** The rows of the shown devices. A row is kept as long as its device is shown. */
export class DeviceTable {
  #body = byID("device-rows", "tbody");
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /**
   * Shows devices in their order.
   * @param {ListedDevice[]} devices
   * @param {number} now
   */
  show(devices, now) {
    const earlier = this.#rows;
    this.#rows = new Map();
    for (const device of devices) {
      const row = earlier.get(device.key) ?? makeRow(device);
      row.device = device;
      this.#rows.set(device.key, row);
      update(row, now);
    }
    const roots = [...this.#rows.values()].map(({ root }) => root);
    // Rows that stay in place keep the focus and the selection.
    const isSame = roots.length === this.#body.children.length
      && roots.every((root, index) => this.#body.children[index] === root);
    if (!isSame) this.#body.replaceChildren(...roots);
  }

  /**
   * Updates the row of a device, if it is shown.
   * @param {string} key
   * @param {number} now
   */
  update(key, now) {
    const row = this.#rows.get(key);
    if (row) update(row, now);
  }

  /**
   * Updates all shown rows, because ages change.
   * @param {number} now
   */
  tick(now) {
    for (const row of this.#rows.values()) update(row, now);
  }
}

/**
 * @param {ListedDevice} device
 * @returns {Row}
 */
function makeRow(device) {
  const state = element("td", { className: "device-state" });
  const values = element("td", { className: "device-values" });
  const age = element("td", { className: "device-age" });
  const room = device.room.endsWith(`/${device.device}`) ? null
    : element("span", { className: "device-room" }, device.room);
  const root = element("tr", { dataset: { testid: "device-row", name: device.device } },
    element("th", { scope: "row" }, deviceLink(device.device), room), state, values, age);
  return { device, root, state, values, age };
}

/**
 * @param {Row} row
 * @param {number} now
 */
function update({ device, root, state, values, age }, now) {
  setData(root, "trouble", troubleOf(device, now));
  setText(state, stateText(device, now));
  setText(values, valuesText(device));
  setText(age, formatAge(now - device.seen));
}

/**
 * Describes the state of a device: `Offline since 12:04:09`, `2 alerts`, `Stale`, `Online`.
 * @param {ListedDevice} device
 * @param {number} now
 */
export function stateText(device, now) {
  const trouble = troubleOf(device, now);
  const { status, since, alerts: { count, isFiring } } = device;
  const kind = isFiring ? "" : "pending ";
  const alerts = count === 0 ? "" : count === 1 ? `1 ${kind}alert` : `${count} ${kind}alerts`;
  if (trouble === "offline") return `Offline since ${moment(since)}${alerts && ` · ${alerts}`}`;
  if (trouble === "alert") return alerts;
  if (trouble === "stale") return "Stale";
  return status === "online" ? "Online" : "";
}

/**
 * Returns the first values of a device: `Humidity 61.0% · Temperature 21.5°C · 3 more`.
 * @param {ListedDevice} device
 */
function valuesText({ data, units }) {
  const names = Object.keys(data);
  const shown = names.slice(0, maxValues).map((name) =>
    `${metricLabel(name)} ${formatNumber(data[name])}${unitSuffix(own(units, name))}`);
  if (names.length > maxValues) shown.push(`${names.length - maxValues} more`);
  return shown.join(" · ");
}
