import { requestJSON } from "../shared/api.js";
import { byID, placeInOrder, setText } from "../shared/dom.js";
import { setCount } from "../shared/drawers.js";
import { AlertRow } from "./alert-row.js";

/** Pages of older alerts that are searched for the alert in the URL. */
const maxPages = 8;

/** The list of alerts at the side: firing alerts first, then recent ones. */
export class AlertsDrawer {
  #store;
  #drawers;
  #button = byID("alerts-toggle", "button");
  #badge = byID("alerts-count", "span");
  #list = byID("alert-list", "ol");
  #note = byID("alerts-note", "p");
  #problem = byID("alerts-problem", "p");
  #retry = byID("alerts-retry", "button");
  #earlier = byID("alerts-earlier", "button");
  /** @type {Map<string, AlertRow>} */
  #rows = new Map();
  #token = "";
  #serverNow = Date.now;
  /**
   * Id of an alert to scroll to once it is in the list.
   * @type {string | null}
   */
  #wanted = null;
  /** Reason why that alert is not in the list. */
  #absence = "";

  /**
   * @param {import("./alert-store.js").AlertStore} store
   * @param {import("../shared/drawers.js").Drawers} drawers
   */
  constructor(store, drawers) {
    this.#store = store;
    this.#drawers = drawers;
    drawers.add("alerts", this.#button, () => {
      this.#absence = "";
      this.#show();
      if (this.#token) store.refresh();
    });
    store.onChange(() => this.#show());
    this.#retry.addEventListener("click", () => store.refresh());
    this.#earlier.addEventListener("click", async () => {
      this.#earlier.disabled = true;
      await store.loadEarlier();
      this.#earlier.disabled = false;
    });
  }

  /**
   * @param {string} token
   * @param {() => number} serverNow
   */
  attach(token, serverNow) {
    this.#token = token;
    this.#serverNow = serverNow;
  }

  detach() {
    this.#token = "";
    this.#wanted = null;
  }

  /**
   * Opens the list at an alert, which may be an old one.
   * @param {string} id
   */
  async open(id) {
    this.#wanted = id;
    if (!this.#drawers.isOpen("alerts")) this.#drawers.open("alerts");
    this.#show();
    const store = this.#store;
    if (!store.isLoaded || store.failure) await store.refresh();
    for (let page = 0; this.#wanted === id && page < maxPages && store.hasMore && !store.failure; page += 1) {
      await store.loadEarlier();
    }
    if (this.#wanted !== id) return;
    this.#wanted = null;
    // A failed request is shown as such, not as an absent alert.
    if (!store.failure) this.#absence = store.hasMore ? tooFar : missing;
    this.#show();
  }

  /** Updates the shown times once a second while the list is open. */
  tick() {
    if (!this.#drawers.isOpen("alerts")) return;
    for (const [id, row] of this.#rows) {
      const alert = this.#store.get(id);
      if (alert) row.update(alert, this.#serverNow());
    }
  }

  #show() {
    const { list, firing, isLoaded, failure, hasMore } = this.#store;
    setCount(this.#button, this.#badge, "Alerts", firing.length, "firing");
    this.#button.dataset.severity = ["critical", "warning", "info"].find((severity) =>
      firing.some((alert) => alert.severity === severity)) ?? "";
    this.#fail(failure);
    if (!this.#drawers.isOpen("alerts")) return;
    setText(this.#note, this.#absence || noteText(list, isLoaded, failure));
    this.#note.hidden = this.#note.textContent === "";
    this.#earlier.hidden = !isLoaded || !hasMore;
    this.#showRows(list);
    const row = this.#rows.get(this.#wanted ?? "");
    if (!row) return;
    this.#wanted = null;
    for (const { root } of this.#rows.values()) root.removeAttribute("aria-current");
    row.root.setAttribute("aria-current", "true");
    row.root.scrollIntoView({ block: "nearest" });
    row.root.focus({ preventScroll: true });
  }

  /** @param {import("./alert-book.js").Alert[]} list */
  #showRows(list) {
    const now = this.#serverNow();
    const known = this.#rows;
    this.#rows = new Map();
    for (const alert of list) {
      const row = known.get(alert.alert_id) ?? new AlertRow(alert, (path, options) => this.#act(path, options));
      row.update(alert, now);
      this.#rows.set(alert.alert_id, row);
    }
    placeInOrder(this.#list, [...this.#rows.values()].map(({ root }) => root));
  }

  /**
   * @param {string} path
   * @param {{method: string, body?: object}} options
   */
  async #act(path, options) {
    try {
      this.#store.changed(await requestJSON(path, this.#token, options));
    } catch (error) {
      if (error.status === 409 || error.status === 404) this.#store.refresh();
      throw error;
    }
  }

  /** @param {{status?: number, message: string} | null} error */
  #fail(error) {
    const text = !error ? "" : error.status === 404 ? "This gateway keeps no alerts: it is older than this page."
      : `The alerts could not be read. ${error.status ? error.message : "The gateway does not answer."}`;
    setText(this.#problem, text);
    this.#problem.hidden = text === "";
    this.#retry.hidden = text === "";
  }
}

const missing = "The alert that was asked for is not kept any more, or in a room that you may not join.";
const tooFar = "The alert that was asked for is further back than these.";

/**
 * @param {import("./alert-book.js").Alert[]} list
 * @param {boolean} isLoaded
 * @param {Error | null} failure
 */
function noteText(list, isLoaded, failure) {
  if (!isLoaded) return failure ? "" : "Asking for the alerts…";
  if (list.length === 0) return "Nothing fires, and nothing fired in the last 24 hours.";
  return list.some(({ state }) => state === "firing") ? "" : "Nothing fires at the moment.";
}
