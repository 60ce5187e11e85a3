import { element, setText } from "./dom.js";
import { formatDuration, formatNumber, unitSuffix } from "./format.js";

const silences = { "15m": "15 min", "1h": "1 h", "8h": "8 h", "24h": "24 h" };

/** One alert in the list, with what can be done about it. */
export class AlertRow {
  #title = element("strong");
  #severity = element("span", { className: "alert-severity" });
  #message = element("p", { className: "alert-message" });
  #facts = element("p", { className: "chat-meta" });
  #problem = element("p", { className: "form-error", hidden: true, attributes: { role: "alert" } });
  #acknowledge;
  #silence;
  #unsilence;
  #trace = element("a", { className: "text-button" }, "Trace");

  /** @param {(action: {kind: string, for?: string}) => void} onAct */
  constructor(onAct) {
    this.#acknowledge = element(
      "button", { type: "button", className: "text-button alert-ack", onclick: () => onAct({ kind: "acknowledge" }) },
      "Acknowledge");
    this.#silence = element(
      "select", {
        className: "select alert-silence", attributes: { "aria-label": "Silence for" },
        onchange: () => {
          const duration = this.#silence.value;
          this.#silence.value = "";
          if (duration) onAct({ kind: "silence", for: duration });
        },
      },
      element("option", { value: "" }, "Silence…"),
      ...Object.entries(silences).map(([value, text]) => element("option", { value }, text)));
    this.#unsilence = element(
      "button", { type: "button", className: "text-button alert-unsilence", onclick: () => onAct({ kind: "unsilence" }) },
      "End the silence");
    this.root = element("li", { className: "alert-row", tabIndex: -1 },
      element("p", { className: "notification-title" }, this.#title, this.#severity),
      this.#message, this.#facts,
      element("p", { className: "alert-actions" }, this.#acknowledge, this.#silence, this.#unsilence, this.#trace),
      this.#problem);
  }

  show(alert) {
    const { root } = this;
    root.dataset.alertId = alert.alert_id;
    root.dataset.state = alert.state;
    root.dataset.severity = alert.severity;
    setText(this.#title, `${alert.title}: ${alert.device}`);
    setText(this.#severity, alert.state === "firing" ? `${alert.severity}, firing` : "resolved");
    setText(this.#message, alert.message);
    setText(this.#facts, this.#describe(alert));
    this.#acknowledge.hidden = alert.state !== "firing" || alert.acknowledged_at !== undefined;
    const isSilenced = alert.silenced_until !== undefined && Date.parse(alert.silenced_until) > Date.now();
    this.#unsilence.hidden = !isSilenced;
    this.#silence.hidden = isSilenced;
    this.#trace.hidden = alert.trace_id === undefined;
    if (alert.trace_id !== undefined) this.#trace.href = `latency.html?trace=${encodeURIComponent(alert.trace_id)}`;
  }

  fail(message) {
    setText(this.#problem, message);
    this.#problem.hidden = message === "";
  }

  focus() {
    this.root.focus();
    this.root.scrollIntoView({ block: "center" });
  }

  #describe(alert) {
    const time = (text) => new Date(text).toLocaleString();
    const value = alert.value === undefined ? "" : `${formatNumber(alert.value)}${unitSuffix(alert.unit)}, `;
    const parts = [`${value}${alert.condition}`, `since ${time(alert.fired_at ?? alert.pending_at)}`];
    if (alert.resolved_at) {
      const lasted = Date.parse(alert.resolved_at) - Date.parse(alert.fired_at ?? alert.pending_at);
      parts.push(`over after ${formatDuration(lasted)}`);
    }
    if (alert.acknowledged_by) parts.push(`acknowledged by ${alert.acknowledged_by}`);
    if (alert.silenced_until && Date.parse(alert.silenced_until) > Date.now()) {
      parts.push(`silenced until ${time(alert.silenced_until)}`);
    }
    return parts.join(" · ");
  }
}
