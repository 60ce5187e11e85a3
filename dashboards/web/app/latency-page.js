import { hopNames, HopPanel } from "./latency/hop-panel.js";
import { TraceList } from "./latency/trace-list.js";
import { hideUnreachable, session } from "./session/session.js";
import { getJSON } from "./shared/api.js";
import { byID, element, setText } from "./shared/dom.js";
import { formatMilliseconds, formatNumber } from "./shared/format.js";
import { Palette, Theme } from "./shared/palette.js";

const intervalMs = 5_000;
/** The ids are random, so that two users of the command do not share a trace. */
const example = "mosquitto_pub -V mqttv5 -D publish user-property traceparent \\\n"
  + "  00-$(openssl rand -hex 16)-$(openssl rand -hex 8)-01 \\\n"
  + "  -t sensors/greenhouse-1 -m '{\"temperature\": 21.5}'";

/** @typedef {import("./shared/gateway-types.js").LatencyAnswer} LatencyAnswer */

/** The latency page: the hops between device and screen. It polls every five seconds while it is visible. */
class LatencyPage {
  #root = document.documentElement;
  #palette;
  #content = byID("content", "div");
  #empty = byID("empty", "section");
  #problem = byID("problem", "p");
  #summary = byID("summary", "p");
  #device = byID("device", "input");
  #minutes = byID("minutes", "select");
  #pause = byID("pause", "button");
  #table = /** @type {HTMLElement} */ (document.querySelector("#hop-table tbody"));
  #panels;
  #traces = new TraceList();
  #isPaused = false;
  /** @type {LatencyAnswer | null} */
  #answer = null;
  /**
   * Identity of the latest request; answers to others are dropped.
   * @type {symbol | null}
   */
  #latest = null;

  constructor() {
    // The theme comes first, because the palette reads its colours.
    new Theme(() => this.#restyle());
    const palette = (this.#palette = new Palette());
    this.#panels = hopNames.map((hop) => new HopPanel(hop, palette));
    session.followLink();
    hideUnreachable(session.token);
    this.#device.value = new URLSearchParams(location.search).get("device") ?? "";
    setText(byID("empty-command", "code"), example);
    byID("hops", "div").append(...this.#panels.map(({ root }) => root));
    this.#pause.addEventListener("click", () => this.#togglePause());
    for (const control of [this.#device, this.#minutes]) control.addEventListener("change", () => this.#poll());
    setInterval(() => this.#isWanted && this.#poll(), intervalMs);
    document.addEventListener("visibilitychange", () => this.#isWanted && this.#poll());
    addEventListener("hashchange", () => session.followLink() && this.#poll());
    this.#poll();
  }

  get #isWanted() {
    return !this.#isPaused && document.visibilityState === "visible";
  }

  #togglePause() {
    this.#isPaused = !this.#isPaused;
    this.#pause.setAttribute("aria-pressed", String(this.#isPaused));
    setText(this.#pause, this.#isPaused ? "Go on" : "Pause");
    if (this.#answer) this.#summarise(this.#answer);
    if (!this.#isPaused) this.#poll();
  }

  async #poll() {
    if (!session.token) return this.#fail("You are not signed in. Sign in on the dashboards' page, in this tab.");
    const latest = (this.#latest = Symbol("poll"));
    const query = new URLSearchParams({ minutes: this.#minutes.value });
    const device = this.#device.value.trim();
    if (device) query.set("device", device);
    try {
      const answer = await getJSON(`/api/latency?${query}`, session.token);
      if (this.#latest === latest) this.#show(answer);
    } catch (error) {
      if (this.#latest === latest) this.#fail(problemText(error, this.#answer !== null));
    }
  }

  /** @param {string} message */
  #fail(message) {
    this.#root.dataset.view = "failed";
    setText(this.#problem, message);
    this.#problem.hidden = false;
  }

  /** @param {LatencyAnswer} answer */
  #show(answer) {
    this.#answer = answer;
    this.#problem.hidden = true;
    const hops = new Map(answer.hops.map((hop) => [hop.hop, hop]));
    const isEmpty = answer.traces.length === 0 && answer.hops.every(({ count }) => count === 0);
    const isFiltered = this.#device.value.trim() !== "";
    this.#root.dataset.view = isEmpty ? "empty" : "latency";
    // Without traces of a device, the user must still be able to choose another one.
    this.#empty.hidden = !isEmpty || isFiltered;
    this.#content.hidden = isEmpty && !isFiltered;
    this.#summarise(answer);
    if (this.#content.hidden) return;
    const to = Date.now();
    const first = Math.min(to - 60_000, ...answer.hops.map(({ series }) => (series[0]?.time ?? Infinity) * 1000));
    // The charts of a gateway that has just started begin at its first data.
    const view = { from: Math.max(to - Number(this.#minutes.value) * 60_000, first), to };
    for (const panel of this.#panels) panel.show(hops.get(panel.hop), answer.interval_s * 1000, view);
    this.#table.replaceChildren(...this.#panels.map((panel) => tableRow(panel, hops.get(panel.hop))));
    const devices = [...new Set(answer.traces.map(({ device: name }) => name))].sort();
    byID("devices", "datalist").replaceChildren(...devices.map((value) => element("option", { value })));
    this.#traces.show(answer.traces, answer.threshold_ms);
  }

  /** @param {LatencyAnswer} answer */
  #summarise({ hops, threshold_ms: threshold }) {
    const whole = hops.find(({ hop }) => hop === "end_to_end");
    const figures = whole && whole.count > 0
      ? `Device to screen: half within ${formatMilliseconds(whole.p50_ms)}, 99 of 100 within `
        + `${formatMilliseconds(whole.p99_ms)} · ${formatNumber(whole.count, 0)} readings · slow from `
        + formatMilliseconds(threshold)
      : "No reading was followed to a screen yet.";
    setText(this.#summary, this.#empty.hidden ? `${figures}${this.#isPaused ? " · paused" : ""}` : "");
  }

  #restyle() {
    this.#palette.read();
    for (const panel of this.#panels) panel.restyle();
  }
}

/**
 * @param {{status?: number, message: string}} error
 * @param {boolean} hasAnswer
 */
function problemText({ status, message }, hasAnswer) {
  if (status === 401) return "The gateway does not accept the token any more. Sign in again on the dashboards' page.";
  if (status === 403) return `This token may not see latencies. ${message}`;
  if (status === 404) return "This gateway keeps no latencies: it is older than this page, or tracing is switched off.";
  if (status) return message;
  return `The gateway does not answer. ${hasAnswer ? "Below is its last answer." : "It is asked again."}`;
}

/**
 * @param {HopPanel} panel
 * @param {import("./shared/gateway-types.js").Hop | undefined} figures
 */
function tableRow({ title, hop }, figures) {
  const count = figures?.count ?? 0;
  /** @param {number | undefined} value */
  const cell = (value = NaN) => element("td", {}, count > 0 ? formatMilliseconds(value) : "–");
  return element("tr", { dataset: { hop } },
    element("th", { scope: "row" }, title),
    element("td", {}, count > 0 ? formatNumber(count, 0) : "–"),
    cell(figures?.p50_ms), cell(figures?.p90_ms), cell(figures?.p99_ms), cell(figures?.max_ms));
}

new LatencyPage();
