import { getJSON } from "../shared/api.js";
import { copyButton } from "../shared/copy-button.js";
import { byID, element, setText } from "../shared/dom.js";
import { formatAge } from "../shared/format.js";
import { metricLabel, own } from "../shared/names.js";

/** Devices whose latest readings are listed. */
const maxListed = 8;
/** Metrics of a device in the list. */
const maxMetrics = 4;

/** @typedef {import("../shared/gateway-types.js").BrokerAddress} BrokerAddress */
/** @typedef {import("../../windsock-client.js").DataUpdate} DataUpdate */

/**
 * The card in place of a dashboard's panels while none of them has a reading. It says how to send the first reading;
 * when readings arrive that no panel shows, it lists these.
 */
export class EmptyState {
  #root = byID("empty", "section");
  #title = byID("empty-title", "h2");
  #waiting = byID("empty-waiting", "div");
  #arrived = byID("empty-arrived", "div");
  #list = byID("empty-readings", "ul");
  #command = byID("empty-command", "code");
  #simulate = byID("empty-simulate", "code");
  /** @type {BrokerAddress | null} */
  #broker = null;
  /** @type {{device: string, metric: string}} */
  #example = { device: "kitchen", metric: "temperature" };
  /**
   * The latest readings that no panel shows, by device; the oldest first.
   * @type {Map<string, {text: string, at: number}>}
   */
  #readings = new Map();

  constructor() {
    byID("empty-copy", "span").append(copyButton(this.#command, "the command"));
  }

  /**
   * Asks for the broker's address, once for each sign-in.
   * @param {string} token
   */
  async attach(token) {
    this.#readings.clear();
    try {
      this.#broker = await getJSON("/api/broker", token);
    } catch {
      // The command is then shown without the address.
      this.#broker = null;
    }
    this.#fill();
  }

  /**
   * Takes the device and the metric of the dashboard's first panel for the example.
   * @param {{devices: string[], metrics: string[]}} panel
   */
  open({ devices: [pattern], metrics: [metric] }) {
    const device = pattern === "*" ? "kitchen" : pattern.replaceAll("*", "1");
    this.#example = { device, metric };
    this.#readings.clear();
    this.#fill();
  }

  /**
   * Notes a reading that no panel shows.
   * @param {DataUpdate} update
   */
  received({ device, data, units }) {
    const metrics = Object.keys(data).filter((name) => name !== "timestamp");
    const text = metrics.slice(0, maxMetrics).map((name) => {
      const unit = own(units, name);
      return `${metricLabel(name)} ${data[name]}${unit ? `\u202f${unit}` : ""}`;
    }).join(", ");
    const isNew = !this.#readings.delete(device);
    this.#readings.set(device, { text: metrics.length > maxMetrics ? `${text}, …` : text, at: Date.now() });
    if (this.#readings.size > maxListed) this.#readings.delete(this.#readings.keys().next().value ?? "");
    // Known devices are drawn once a second.
    if (isNew && !this.#root.hidden) this.#draw();
  }

  /**
   * Called once a second.
   * @param {boolean} isEmpty whether no panel has a reading
   */
  show(isEmpty) {
    this.#root.hidden = !isEmpty;
    if (isEmpty) this.#draw();
  }

  #draw() {
    const hasReadings = this.#readings.size > 0;
    this.#waiting.hidden = hasReadings;
    this.#arrived.hidden = !hasReadings;
    setText(this.#title, hasReadings ? "Readings arrive" : "No readings yet");
    const lines = [...this.#readings].reverse().map(([device, { text, at }]) =>
      element("li", { dataset: { device } }, element("strong", {}, device), ` ${text} `,
        element("span", { className: "quiet" }, formatAge(Date.now() - at))));
    this.#list.replaceChildren(...lines);
  }

  #fill() {
    const unknown = { host: "", port: 0, tls: false, login: false, topic: null };
    const { host, port, tls, login, topic } = this.#broker ?? unknown;
    const template = this.#broker ? topic : "sensors/{device}/{metric}";
    const address = host ? ` -h ${shellWord(host)} -p ${port}` : "";
    const security = `${login ? " -u USER -P PASSWORD" : ""}${tls ? " --tls-use-os-certs" : ""}`;
    this.#command.parentElement?.toggleAttribute("hidden", !template);
    setText(this.#command, `mosquitto_pub${address}${security} ${this.#message(template ?? "")}`);
    const shownHost = host.includes(":") ? `[${host}]` : host;
    setText(this.#simulate,
      "windsock simulate --mqtt-url "
        + (host ? `${tls ? "mqtts" : "mqtt"}://${shownHost}:${port}` : "mqtt://localhost:1883"));
  }

  /** @param {string} template of the topic */
  #message(template) {
    const { device, metric } = this.#example;
    const topic = template.replace("{device}", () => device).replace("{metric}", () => metric);
    const payload = template.includes("{metric}") ? "21.5" : JSON.stringify({ [metric]: 21.5 });
    return `-t ${shellWord(topic)} -m ${shellWord(payload)}`;
  }
}

/**
 * Quotes a word for a shell when it needs quotes.
 * @param {string} text
 */
export function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
