import { getJSON } from "./api.js";
import { element, setText } from "./dom.js";
import { formatMilliseconds, formatNumber } from "./format.js";
import { HopPanel, hopNames } from "./hop-panel.js";
import { Palette, Theme } from "./palette.js";
import { session } from "./session.js";
import { TraceList } from "./trace-list.js";

const intervalMs = 5_000;
/** With ids that nobody has: two who try it must not share a trace. */
const example = "mosquitto_pub -V mqttv5 -D publish user-property traceparent \\\n"
  + "  00-$(openssl rand -hex 16)-$(openssl rand -hex 8)-01 \\\n"
  + "  -t sensors/greenhouse-1 -m '{\"temperature\": 21.5}'";

/** Where the time goes between device and screen: asked for every five seconds while the page is looked at. */
class LatencyPage {
  #root = document.documentElement;
  #theme = new Theme(() => this.#restyle());
  #palette = new Palette();
  #content = document.getElementById("content");
  #empty = document.getElementById("empty");
  #problem = document.getElementById("problem");
  #summary = document.getElementById("summary");
  #device = document.getElementById("device");
  #minutes = document.getElementById("minutes");
  #pause = document.getElementById("pause");
  #table = document.querySelector("#hop-table tbody");
  #panels = hopNames.map((hop) => new HopPanel(hop, this.#palette));
  #traces = new TraceList();
  #isPaused = false;
  #answer = null;
  /** Which of several questions counts: another time span may be asked for before the first is answered. */
  #latest = null;

  constructor() {
    session.followLink();
    setText(document.getElementById("empty-command"), example);
    document.getElementById("hops").append(...this.#panels.map(({ root }) => root));
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
    this.#pause.setAttribute("aria-pressed", this.#isPaused);
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

  #fail(message) {
    this.#root.dataset.view = "failed";
    setText(this.#problem, message);
    this.#problem.hidden = false;
  }

  #show(answer) {
    this.#answer = answer;
    this.#problem.hidden = true;
    const hops = new Map(answer.hops.map((hop) => [hop.hop, hop]));
    const isEmpty = answer.traces.length === 0 && answer.hops.every(({ count }) => count === 0);
    const isFiltered = this.#device.value.trim() !== "";
    this.#root.dataset.view = isEmpty ? "empty" : "latency";
    // A device without traces is no reason to take away the means to choose another one.
    this.#empty.hidden = !isEmpty || isFiltered;
    this.#content.hidden = isEmpty && !isFiltered;
    this.#summarise(answer);
    if (this.#content.hidden) return;
    const to = Date.now();
    const first = Math.min(to - 60_000, ...answer.hops.map(({ series }) => (series[0]?.time ?? Infinity) * 1000));
    // A young gateway has little to show: the charts begin where it does.
    const view = { from: Math.max(to - Number(this.#minutes.value) * 60_000, first), to };
    for (const panel of this.#panels) panel.show(hops.get(panel.hop), answer.interval_s * 1000, view);
    this.#table.replaceChildren(...this.#panels.map((panel) => tableRow(panel, hops.get(panel.hop))));
    const devices = [...new Set(answer.traces.map(({ device: name }) => name))].sort();
    document.getElementById("devices").replaceChildren(...devices.map((value) => element("option", { value })));
    this.#traces.show(answer.traces, answer.threshold_ms);
  }

  #summarise({ hops, threshold_ms: threshold }) {
    const whole = hops.find(({ hop }) => hop === "end_to_end");
    const figures = whole?.count > 0
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

function problemText({ status, message }, hasAnswer) {
  if (status === 401) return "The gateway does not accept the token any more. Sign in again on the dashboards' page.";
  if (status === 403) return `This token may not see latencies. ${message}`;
  if (status === 404) return "This gateway keeps no latencies: it is older than this page, or tracing is switched off.";
  if (status) return message;
  return `The gateway does not answer. ${hasAnswer ? "What stands below is what it said last." : "It is asked again."}`;
}

function tableRow({ title, hop }, figures) {
  const isKnown = figures?.count > 0;
  const cell = (value) => element("td", {}, isKnown ? formatMilliseconds(value) : "–");
  return element("tr", { dataset: { hop } },
    element("th", { scope: "row" }, title),
    element("td", {}, isKnown ? formatNumber(figures.count, 0) : "–"),
    cell(figures?.p50_ms), cell(figures?.p90_ms), cell(figures?.p99_ms), cell(figures?.max_ms));
}

new LatencyPage();
