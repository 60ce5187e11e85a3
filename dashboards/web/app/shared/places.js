import { element } from "./dom.js";

/**
 * A place on the page: a dashboard, the list of all devices, or one device.
 * @typedef {{kind: "dashboard", id: string | null} | {kind: "devices"} | {kind: "device", device: string}} Place
 */

/**
 * Returns the place that a URL's query names.
 * @param {string} query
 * @returns {Place}
 */
export function placeOf(query) {
  const parameters = new URLSearchParams(query);
  const device = parameters.get("device");
  if (device) return { kind: "device", device };
  if (parameters.get("view") === "devices") return { kind: "devices" };
  return { kind: "dashboard", id: parameters.get("dashboard") };
}

/**
 * Returns the URL of a device's page.
 * @param {string} device
 */
export function deviceAddress(device) {
  return `./?${new URLSearchParams({ device })}`;
}

/**
 * Makes a link to a device's page.
 * @param {string} device
 * @param {string} text
 */
export function deviceLink(device, text = device) {
  return element("a", { className: "device-link", href: deviceAddress(device) }, text);
}

/** Names of the parameters that select a place. Others, such as the range, are independent of it. */
const placeParameters = ["dashboard", "device", "view", "alert"];

/**
 * Opens links to devices and to all devices without loading the page again.
 * @param {{isReady: () => boolean, onOpen: () => void}} page `onOpen`: the URL names another place
 */
export function openPlacesInside({ isReady, onOpen }) {
  document.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.("a");
    const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!link?.href || !isPlain || !isReady()) return;
    const { origin, pathname, search } = new URL(link.href);
    const place = placeOf(search);
    if (origin !== location.origin || pathname !== location.pathname || place.kind === "dashboard") return;
    event.preventDefault();
    history.pushState(null, "", placeAddress(search));
    onOpen();
  });
}

/**
 * Returns the URL of another place. Parameters that are independent of the place stay.
 * @param {string | Record<string, string>} query that names the place
 */
export function placeAddress(query) {
  const parameters = new URLSearchParams(location.search);
  for (const name of placeParameters) parameters.delete(name);
  for (const [name, value] of new URLSearchParams(query)) parameters.set(name, value);
  return `${location.pathname}?${parameters}`;
}
