import { setData } from "./dom.js";

/** Devices that are remembered; more are not marked. */
const maxDevices = 10_000;

/** Marks what belongs to a device that is offline: `data-status` on everything with its `data-device`. */
export class DeviceStatusView {
  /** @type {Map<string, {status: string, reason: string, since: string}>} */
  #devices = new Map();

  /** @param {{device: string, status: "online" | "offline", reason: string, since: string}} status */
  set({ device, status, reason, since }) {
    if (status === "online" && !this.#devices.has(device)) return;
    if (this.#devices.size >= maxDevices && !this.#devices.has(device)) return;
    this.#devices.set(device, { status, reason, since });
    this.mark();
  }

  reset() {
    this.#devices.clear();
  }

  /** Panels come and go: called once a second too. */
  mark() {
    if (this.#devices.size === 0) return;
    for (const node of document.querySelectorAll("[data-device]")) {
      const known = this.#devices.get(node.dataset.device);
      const isOffline = known?.status === "offline";
      setData(node, "status", isOffline ? "offline" : null);
      if (isOffline) node.title = `${node.dataset.device} is offline since ${new Date(known.since).toLocaleString()}`;
      else if (known) node.removeAttribute("title");
    }
  }
}
