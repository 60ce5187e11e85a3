import { setData } from "../shared/dom.js";

/** Devices whose status is kept. Further ones are not marked. */
const maxDevices = 10_000;

/** Marks offline devices: sets `data-status` on every element with the device's `data-device`. */
export class DeviceStatusView {
  /** @type {Map<string, {status: string, reason: string, since: string}>} */
  #devices = new Map();

  /** @param {Pick<import("../../windsock-client.js").DeviceStatus, "device" | "status" | "reason" | "since">} status */
  set({ device, status, reason, since }) {
    if (status === "online" && !this.#devices.has(device)) return;
    if (this.#devices.size >= maxDevices && !this.#devices.has(device)) return;
    this.#devices.set(device, { status, reason, since });
    this.mark();
  }

  reset() {
    this.#devices.clear();
  }

  /** Marks the current elements. Panels change, so it is called once a second as well. */
  mark() {
    if (this.#devices.size === 0) return;
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-device]"))) {
      const known = this.#devices.get(node.dataset.device ?? "");
      const isOffline = known?.status === "offline";
      setData(node, "status", isOffline ? "offline" : null);
      if (known && isOffline) {
        node.title = `${node.dataset.device} is offline since ${new Date(known.since).toLocaleString()}`;
      } else if (known) {
        node.removeAttribute("title");
      }
    }
  }
}
