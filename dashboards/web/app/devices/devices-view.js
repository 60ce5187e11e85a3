import { getAll } from "../shared/api.js";
import { byID, element, setText } from "../shared/dom.js";
import { DeviceList, troubles } from "./device-list.js";
import { DeviceTable } from "./device-table.js";

/** Devices on one page of the list. The page joins their rooms, so that their rows are live. */
const pageSize = 50;
/**
 * Time without a change after which rooms are joined and left, and the least time between two such changes: together
 * at most 100 commands, which the gateway allows each second.
 */
const quietMs = 300;
const joinPauseMs = 1_500;
/** Interval of requests for all devices, and the least multiple of the duration of one. */
const refreshMs = 20_000;
const restFactor = 10;

/** @typedef {import("../../windsock-client.js").WindsockClient} WindsockClient */
/** @typedef {(typeof troubles)[number]} Filter */
/** @type {Record<string, string>} */
const labels = { offline: "Offline", alert: "Alerts", stale: "Stale" };

/** The list of all devices: requested regularly, and live for the shown page of it. */
export class DevicesView {
  #root = byID("all-devices", "section");
  #search = byID("device-search", "input");
  #filters = byID("device-filters", "div");
  #problem = byID("devices-problem", "p");
  #note = byID("devices-note", "p");
  #empty = byID("devices-none", "p");
  #scroller = byID("devices-scroller", "div");
  #paging = byID("devices-paging", "p");
  #position = byID("devices-position", "span");
  #previous = byID("devices-previous", "button");
  #next = byID("devices-next", "button");
  #table = new DeviceTable();
  #list = new DeviceList();
  /** @type {Map<Filter | null, HTMLButtonElement>} */
  #buttons = new Map();
  /** @type {Filter | null} */
  #only = null;
  #first = 0;
  /** @type {{client: WindsockClient, token: string} | null} */
  #session = null;
  /**
   * Joined rooms of the shown devices.
   * @type {Map<string, import("../../windsock-client.js").RoomHandle>}
   */
  #handles = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #joinTimer;
  #joinedAt = -Infinity;
  /** @type {AbortController | null} */
  #request = null;
  #dueAt = 0;
  #isLoaded = false;

  constructor() {
    for (const only of [null, ...troubles]) {
      const button = element("button", {
        type: "button", className: "range", onclick: () => this.#choose(only),
      }, only ? labels[only] : "All");
      this.#buttons.set(only, button);
      this.#filters.append(button);
    }
    this.#search.addEventListener("input", () => this.#turn(0));
    this.#previous.addEventListener("click", () => this.#turn(this.#first - pageSize));
    this.#next.addEventListener("click", () => this.#turn(this.#first + pageSize));
  }

  get isOpen() {
    return this.#session !== null;
  }

  /**
   * Opens the list, or keeps it open.
   * @param {WindsockClient} client
   * @param {string} token
   */
  open(client, token) {
    if (this.#session?.client === client) return;
    this.close();
    this.#session = { client, token };
    this.#root.hidden = false;
    this.#show();
    this.#load();
  }

  close() {
    this.#request?.abort();
    this.#request = null;
    clearTimeout(this.#joinTimer);
    this.#session = null;
    this.#join([]);
    this.#root.hidden = true;
    this.#isLoaded = false;
    this.#list = new DeviceList();
  }

  /**
   * Takes a live reading.
   * @param {import("../../windsock-client.js").DataUpdate} update
   */
  received(update) {
    const key = this.isOpen ? this.#list.received(update, this.#now) : null;
    if (key !== null) this.#table.update(key, this.#now);
  }

  /**
   * Takes a status. The order changes at once.
   * @param {import("../../windsock-client.js").DeviceStatus} status
   */
  setStatus(status) {
    if (this.isOpen && !status.snapshot && this.#list.setStatus(status)) this.#show();
  }

  /** Updates ages, and requests the list when it is due. Call it once a second. */
  tick() {
    if (!this.isOpen) return;
    this.#table.tick(this.#now);
    if (performance.now() >= this.#dueAt && document.visibilityState === "visible") this.#load();
  }

  get #now() {
    return this.#session?.client.serverNow() ?? Date.now();
  }

  async #load() {
    if (this.#request || !this.#session) return;
    const { token } = this.#session;
    const request = (this.#request = new AbortController());
    const startedAt = performance.now();
    try {
      const [devices, alerts] = await Promise.all([
        getAll("/api/devices", "devices", token, request.signal),
        getAll("/api/alerts?state=active&limit=500", "alerts", token, request.signal, "before"),
      ]);
      if (this.#request !== request) return;
      this.#list.replace(devices, alerts);
      this.#isLoaded = true;
      this.#problem.hidden = true;
    } catch (error) {
      if (this.#request !== request) return;
      setText(this.#problem, error.status ? error.message : "The gateway does not answer. It is asked again.");
      this.#problem.hidden = false;
    }
    this.#request = null;
    const took = performance.now() - startedAt;
    this.#dueAt = performance.now() + Math.max(refreshMs, restFactor * took);
    this.#show();
  }

  /** @param {Filter | null} only */
  #choose(only) {
    this.#only = only;
    this.#turn(0);
  }

  /** @param {number} first index of the first shown device */
  #turn(first) {
    this.#first = first;
    this.#show();
  }

  #show() {
    const { devices, counts } = this.#list.select({ search: this.#search.value, only: this.#only }, this.#now);
    this.#first = Math.max(0, Math.min(this.#first, Math.floor((devices.length - 1) / pageSize) * pageSize));
    const shown = devices.slice(this.#first, this.#first + pageSize);
    this.#table.show(shown, this.#now);
    clearTimeout(this.#joinTimer);
    const delay = Math.max(quietMs, this.#joinedAt + joinPauseMs - performance.now());
    this.#joinTimer = setTimeout(() => this.#join(shown.map(({ room }) => room)), delay);
    for (const [only, button] of this.#buttons) {
      button.setAttribute("aria-pressed", String(only === this.#only));
      if (only) setText(button, `${labels[only]} ${counts[only]}`);
    }
    const isChosen = this.#only !== null || this.#search.value.trim() !== "";
    setText(this.#note, !this.#isLoaded ? "Loading…" : isChosen ? `${devices.length} of ${this.#list.size} devices`
      : `${devices.length} ${devices.length === 1 ? "device" : "devices"}`);
    this.#empty.hidden = !this.#isLoaded || devices.length > 0;
    setText(this.#empty, isChosen ? "No device matches."
      : "No device has sent anything yet in the rooms that this token may join.");
    this.#scroller.hidden = devices.length === 0;
    this.#paging.hidden = devices.length <= pageSize;
    setText(this.#position, `${this.#first + 1}–${this.#first + shown.length} of ${devices.length}`);
    this.#previous.disabled = this.#first === 0;
    this.#next.disabled = this.#first + pageSize >= devices.length;
  }

  /**
   * Joins rooms, and leaves others.
   * @param {string[]} rooms
   */
  #join(rooms) {
    const wanted = new Set(rooms);
    if (this.#session) this.#joinedAt = performance.now();
    for (const [room, handle] of this.#handles) {
      if (wanted.has(room)) continue;
      handle.leave();
      this.#handles.delete(room);
    }
    const { client } = this.#session ?? {};
    if (!client) return;
    for (const room of wanted) if (!this.#handles.has(room)) this.#handles.set(room, client.join(room, {}));
  }
}
