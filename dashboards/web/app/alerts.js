import { AlertStore } from "./alert-store.js";
import { AlertsDrawer } from "./alerts-drawer.js";

/** All that the page has about alerts: what it knows, the list at the side, and links that lead there. */
export class Alerts {
  store = new AlertStore();
  #drawer;
  #isAttached = false;
  #stops = [];

  /** @param {import("./drawers.js").Drawers} drawers @param {() => void} onChange */
  constructor(drawers, onChange) {
    this.#drawer = new AlertsDrawer(this.store, drawers);
    this.store.onChange(onChange);
    document.addEventListener("click", (event) => this.#follow(event));
  }

  /** @param {import("../windsock-client.js").WindsockClient} client @param {string} token */
  attach(client, token) {
    const serverNow = () => client.serverNow();
    this.#isAttached = true;
    this.#stops = [
      client.on("alert", ({ alert }, { timestamp }) => this.store.told(alert, Date.parse(timestamp))),
      // Of devices whose rooms are not joined only the people whom the rule names are told. Those that waited follow
      // `welcome`, and say nothing new.
      client.on("notification", ({ link, snapshot }) => !snapshot && link?.startsWith("/?alert=") && this.store.refresh()),
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

  /** Opens the list at an alert. @param {string} id */
  open(id) {
    this.#drawer.open(id);
  }

  /** Times go on. */
  tick() {
    this.#drawer.tick();
  }

  /** A link to an alert, as notifications have it, needs no other page. */
  #follow(event) {
    const link = event.target.closest?.("a[href]");
    if (!link || !this.#isAttached || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const { origin, pathname, searchParams } = new URL(link.href);
    const id = searchParams.get("alert");
    if (origin !== location.origin || pathname !== location.pathname || !id) return;
    event.preventDefault();
    this.open(id);
  }
}
