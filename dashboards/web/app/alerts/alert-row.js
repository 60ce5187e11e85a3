import { element, setData, setText } from "../shared/dom.js";
import { deviceLink } from "../shared/places.js";
import { alertFigures, alertTimes, moment, severityChip } from "./alert-words.js";

/** Choices of a silence: value and label. */
const durations = [["15m", "15 min"], ["1h", "1 h"], ["8h", "8 h"], ["24h", "24 h"]];
/** @type {Record<string, string>} */
const words = { firing: "Firing", resolved: "Resolved", pending: "Pending" };

/** @typedef {import("./alert-book.js").Alert} Alert */
/** @typedef {{method: string, body?: object}} RequestOptions */

/** One alert in the list, with its actions. The element stays while the alert changes. */
export class AlertRow {
  #alert;
  #act;
  /** @type {string | null} */
  #severity = null;
  #heading = element("span", {});
  #state = element("span", { className: "alert-state" });
  #chip = element("span", {});
  #message = element("p", { className: "alert-message" });
  #figures = element("p", { className: "alert-figures" });
  #times = element("span", {});
  #notes = element("p", { className: "alert-notes", hidden: true });
  #trace = element("a", { className: "alert-trace" }, "Trace");
  #ack = element("button", { type: "button", className: "text-button alert-ack" }, "Acknowledge");
  #silence = element("button", {
    type: "button", className: "text-button alert-silence", attributes: { "aria-expanded": "false" },
  }, "Silence…");
  #unsilence = element("button", { type: "button", className: "text-button alert-unsilence" }, "Speak again");
  #choices;
  #error = element("p", { className: "form-error alert-error", attributes: { role: "alert" }, hidden: true });

  /**
   * @param {Alert} alert
   * @param {(path: string, options: RequestOptions) => Promise<void>} act sends a request below the alert's path
   */
  constructor(alert, act) {
    this.#alert = alert;
    this.#act = act;
    const attributes = { role: "group", "aria-label": "Silence for" };
    this.#choices = element("span", { className: "alert-choices", hidden: true, attributes },
      ...durations.map(([value, label]) => element("button", {
        type: "button", className: "button alert-silence-for", dataset: { for: value },
        onclick: () => this.#do("silence", { method: "POST", body: { for: value } }),
      }, label)));
    this.#ack.addEventListener("click", () => this.#do("acknowledge", { method: "POST" }));
    this.#unsilence.addEventListener("click", () => this.#do("silence", { method: "DELETE" }));
    this.#silence.addEventListener("click", () => {
      this.#open(this.#choices.hidden);
      if (!this.#choices.hidden) this.#choices.querySelector("button")?.focus();
    });
    this.#choices.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      // Escape closes only the choices, not the list.
      event.stopPropagation();
      this.#open(false);
      this.#silence.focus();
    });
    const title = element("strong", {}, this.#heading, deviceLink(alert.device));
    this.root = element("li", { className: "alert-row", tabIndex: -1, dataset: { alertId: alert.alert_id } },
      element("p", { className: "alert-head" }, this.#chip, title, this.#state),
      this.#message,
      this.#figures,
      element("p", { className: "chat-meta" }, this.#times, this.#trace),
      this.#notes,
      element("p", { className: "alert-actions" }, this.#ack, this.#silence, this.#unsilence, this.#choices),
      this.#error);
    this.update(alert, alert.firedMs ?? alert.pendingMs);
  }

  /**
   * @param {Alert} alert
   * @param {number} now the gateway's time
   */
  update(alert, now) {
    this.#alert = alert;
    const { state, severity, title, rule, message, trace_id: trace, acknowledged_at: acknowledgedAt } = alert;
    const isOpen = state !== "resolved";
    const { silencedMs = 0 } = alert;
    const isSilenced = silencedMs > now;
    setData(this.root, "state", state);
    setData(this.root, "severity", severity);
    setData(this.root, "acknowledged", acknowledgedAt ? "true" : null);
    setData(this.root, "silenced", isSilenced ? "true" : null);
    if (severity !== this.#severity) this.#chip.replaceChildren(severityChip((this.#severity = severity)));
    setText(this.#heading, `${title ?? rule}: `);
    setText(this.#state, words[state] ?? state);
    setText(this.#message, message);
    setText(this.#figures, alertFigures(alert));
    setText(this.#times, alertTimes(alert, now));
    this.#trace.hidden = !/^[0-9a-f]{32}$/.test(trace ?? "");
    if (!this.#trace.hidden) this.#trace.href = `latency.html?trace=${trace}`;
    const by = alert.acknowledged_by ? ` by ${alert.acknowledged_by}` : "";
    const notes = [
      acknowledgedAt ? `Acknowledged${by}, ${moment(Date.parse(acknowledgedAt))}` : "",
      isSilenced ? `Silenced until ${moment(silencedMs)}` : "",
    ].filter(Boolean).join(" · ");
    setText(this.#notes, notes);
    this.#notes.hidden = notes === "";
    this.#ack.hidden = state !== "firing" || Boolean(acknowledgedAt);
    // The rule continues after this alert is over, but users do not look for that in resolved alerts.
    this.#silence.hidden = !isOpen || isSilenced;
    this.#unsilence.hidden = !isSilenced;
    if (this.#silence.hidden) this.#open(false);
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.#choices.hidden = !isOpen;
    this.#silence.setAttribute("aria-expanded", String(isOpen));
  }

  /**
   * @param {string} action
   * @param {RequestOptions} options
   */
  async #do(action, options) {
    const buttons = [...this.root.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    this.root.setAttribute("aria-busy", "true");
    this.#error.hidden = true;
    try {
      await this.#act(`/api/alerts/${encodeURIComponent(this.#alert.alert_id)}/${action}`, options);
      this.#open(false);
    } catch (error) {
      setText(this.#error, problemText(error));
      this.#error.hidden = false;
    }
    this.root.removeAttribute("aria-busy");
    for (const button of buttons) button.disabled = false;
    // The pressed button may be gone.
    if (document.activeElement === document.body) this.root.focus();
  }
}

/** @param {{status?: number, message: string}} error */
function problemText({ status, message }) {
  if (status === 403) return `You may not do that. ${message}`;
  if (status === 404) return "The gateway does not know this alert any more.";
  if (status === 409) return `That is over already. ${message}`;
  return status ? message : "The gateway does not answer. Nothing was changed.";
}
