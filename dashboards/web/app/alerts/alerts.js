import { AlertStore } from "./alert-store.js";
import { AlertsDrawer } from "./alerts-drawer.js";

/** The page's alerts: the store, the list at the side, and links to alerts. */
export class Alerts {
  store = new AlertStore();
  #drawer;
  #isAttached = false;
  /** @type {(() => void)[]} */
  #stops = [];

  /**
   * @param {import("../shared/drawers.js").Drawers} drawers
   * @param {() => void} onChange
   */
  constructor(drawers, onChange) {
    this.#drawer = new AlertsDrawer(this.store, drawers);
    this.store.onChange(onChange);
    document.addEventListener("click", (event) => this.#follow(event));
  }

  /**
   * @param {import("../../windsock-client.js").WindsockClient} client
   * @param {string} token
   */
  attach(client, token) {
    const serverNow = () => client.serverNow();
    this.#isAttached = true;
    this.#stops = [
      client.on("alert", ({ alert }, { timestamp }) => this.store.published(alert, Date.parse(timestamp))),
      // For devices in other rooms, only a notification tells of an alert. Stored notifications follow `welcome` and
      // are no news.
      client.on("notification", ({ link, snapshot }) =>
        !snapshot && link?.startsWith("/?alert=") && this.store.refresh()),
      client.on("welcome", () => this.store.refresh()),
    ];
    this.store.attach(token, serverNow);
    this.#drawer.attach(token, serverNow);
    const asked = new URLSearchParams(location.search).get("alert");
    if (asked) this.open(asked);
  }

  detach() {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#isAttached = false;
    this.store.detach();
    this.#drawer.detach();
  }

  /**
   * Opens the list at an alert.
   * @param {string} id
   */
  open(id) {
    this.#drawer.open(id);
  }

  /** Updates the shown times, once a second. */
  tick() {
    this.#drawer.tick();
  }

  /**
   * Opens a link to an alert (as in notifications) on this page.
   * @param {MouseEvent} event
   */
  #follow(event) {
    const link = /** @type {Element} */ (event.target).closest?.("a");
    if (!link?.href || !this.#isAttached || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const { origin, pathname, searchParams } = new URL(link.href);
    const id = searchParams.get("alert");
    if (origin !== location.origin || pathname !== location.pathname || !id) return;
    event.preventDefault();
    this.open(id);
  }
}
