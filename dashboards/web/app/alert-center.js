import { getJSON, sendJSON } from "./api.js";
import { AlertRow } from "./alert-row.js";

const pageSize = 100;
/** Alerts that are remembered; those that ended longest ago go. */
const maxAlerts = 500;
/** Of each range bands are asked for once; what happens later comes by itself. */
const maxBands = 500;

/**
 * Alerts: a list at the side, and bands for the charts. Loaded over HTTP, kept current by `alert` messages.
 */
export class AlertCenter {
  #drawers;
  #button = document.getElementById("alerts-toggle");
  #badge = document.getElementById("alerts-count");
  #list = document.getElementById("alert-list");
  #empty = document.getElementById("alerts-empty");
  #problem = document.getElementById("alerts-problem");
  #onChange;
  /** @type {Map<string, object>} */
  #alerts = new Map();
  /** @type {Map<string, AlertRow>} */
  #rows = new Map();
  #client = null;
  #token = "";
  #stop = null;
  #bandsFrom = Infinity;

  /** @param {import("./drawers.js").Drawers} drawers @param {() => void} onChange bands have changed */
  constructor(drawers, onChange) {
    this.#drawers = drawers;
    this.#onChange = onChange;
    drawers.add("alerts", this.#button);
  }

  /** @param {import("../windsock-client.js").WindsockClient} client @param {string} token */
  attach(client, token) {
    this.#client = client;
    this.#token = token;
    this.#stop = client.on("message", ({ type, payload }) => type === "alert" && this.#take([payload.alert]));
    this.load();
  }

  detach() {
    this.#stop?.();
    this.#client = null;
    this.#alerts.clear();
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#bandsFrom = Infinity;
    this.#show();
  }

  /** Asks for the latest alerts, and for the one that the address names (`?alert=`). */
  async load() {
    const wanted = new URLSearchParams(location.search).get("alert");
    await this.#fetch(`state=active&limit=${pageSize}`);
    await this.#fetch(`limit=${pageSize}`);
    if (!wanted || !this.#client) return;
    this.#drawers.open("alerts");
    this.#rows.get(wanted)?.focus();
  }

  /** Asks for the alerts of the last `rangeMs`, as far as they are not known. */
  async loadBands(from) {
    if (from >= this.#bandsFrom) return;
    this.#bandsFrom = from;
    await this.#fetch(`from=${from / 1000}&limit=${maxBands}`);
  }

  /**
   * What charts draw: when something was wrong with these series, the latest last.
   * @param {{device: string, metric: string}[]} series
   * @returns {{from: number, to: number, severity: string, label: string}[]} Unix milliseconds
   */
  bands(series) {
    const bands = [];
    for (const alert of this.#alerts.values()) {
      if (!alert.fired_at) continue;
      if (!series.some(({ device, metric }) => device === alert.device && metric === alert.metric)) continue;
      bands.push({
        from: Date.parse(alert.fired_at), to: alert.resolved_at ? Date.parse(alert.resolved_at) : Infinity,
        severity: alert.severity, label: `${alert.title}: ${alert.device}`, isOver: alert.state === "resolved",
      });
    }
    return bands.sort((a, b) => a.from - b.from);
  }

  async #fetch(query) {
    const client = this.#client;
    try {
      const { alerts } = await getJSON(`/api/alerts?${query}`, this.#token);
      if (this.#client !== client) return;
      this.#problem.hidden = true;
      this.#take(alerts);
    } catch (error) {
      if (this.#client !== client) return;
      this.#problem.textContent = error.status ? error.message : "The gateway does not answer.";
      this.#problem.hidden = false;
    }
    this.#show();
  }

  #take(alerts) {
    for (const alert of alerts) {
      if (alert.state === "pending") continue;
      const known = this.#alerts.get(alert.alert_id);
      // An answer that was under way does not bring an alert back that is over.
      if (known?.state === "resolved" && alert.state !== "resolved") continue;
      this.#alerts.set(alert.alert_id, alert);
    }
    this.#forget();
    this.#show();
    this.#onChange();
  }

  #forget() {
    const excess = this.#alerts.size - maxAlerts;
    if (excess <= 0) return;
    const over = [...this.#alerts.values()].filter(({ state }) => state === "resolved").sort(byAge);
    for (const alert of over.slice(-excess)) this.#alerts.delete(alert.alert_id);
  }

  #show() {
    const sorted = [...this.#alerts.values()].sort(byAge);
    const firing = sorted.filter(({ state }) => state === "firing").length;
    this.#badge.hidden = firing === 0;
    this.#badge.textContent = firing > 99 ? "99+" : String(firing);
    this.#button.setAttribute("aria-label", firing === 0 ? "Alerts" : `Alerts, ${firing} firing`);
    this.#empty.hidden = sorted.length > 0;
    for (const [id, row] of this.#rows) {
      if (this.#alerts.has(id)) continue;
      row.root.remove();
      this.#rows.delete(id);
    }
    for (const [index, alert] of sorted.entries()) {
      let row = this.#rows.get(alert.alert_id);
      if (!row) this.#rows.set(alert.alert_id, (row = new AlertRow((action) => this.#act(alert.alert_id, action))));
      row.show(alert);
      if (this.#list.children[index] !== row.root) this.#list.insertBefore(row.root, this.#list.children[index] ?? null);
    }
  }

  /** @param {string} id @param {{kind: "acknowledge" | "silence" | "unsilence", for?: string}} action */
  async #act(id, { kind, for: duration }) {
    const row = this.#rows.get(id);
    const path = `/api/alerts/${encodeURIComponent(id)}/${kind === "acknowledge" ? kind : "silence"}`;
    const method = kind === "unsilence" ? "DELETE" : "POST";
    try {
      const alert = await sendJSON(method, path, this.#token, kind === "silence" ? { for: duration } : {});
      row?.fail("");
      this.#take([alert]);
    } catch (error) {
      row?.fail(error.status ? error.message : "The gateway does not answer.");
    }
  }
}

/** Firing ones first, then the latest. */
function byAge(left, right) {
  const isFiring = (alert) => (alert.state === "firing" ? 0 : 1);
  return isFiring(left) - isFiring(right) || Date.parse(right.pending_at) - Date.parse(left.pending_at);
}
