import { withTimes } from "../alerts/alert-book.js";
import { alertFigures, alertTimes, severityChip } from "../alerts/alert-words.js";
import { byID, element, setText } from "../shared/dom.js";
import { formatAge, formatNumber, unitSuffix } from "../shared/format.js";
import { metricLabel } from "../shared/names.js";
import { PayloadView } from "../shared/payload-view.js";
import { unchartedMetrics } from "./device-dashboard.js";

/** @typedef {import("../shared/gateway-types.js").DeviceAnswer} DeviceAnswer */

/** The cards below a device's charts: further values, alerts, dead letters, ignored fields and the last message. */
export class DeviceFacts {
  #root = byID("device-facts", "div");
  #values = element("tbody");
  #valuesCard = card("Further values", "device-values", element("div", { className: "scroller" },
    element("table", { className: "table" }, this.#values)));
  #alerts = element("ul", { className: "fact-list" });
  #alertsNote = element("p", { className: "quiet" });
  #alertsCard = card("Open alerts", "device-alerts", this.#alertsNote, this.#alerts);
  #letters = element("ul", { className: "fact-list" });
  #lettersNote = element("p", { className: "quiet" });
  #lettersLink = element("a", { className: "heading-link", href: "dead-letters.html" }, "All dead letters");
  #lettersCard = card("Dead letters", "device-letters", this.#lettersNote, this.#letters, this.#lettersLink);
  #ignored = element("ul", { className: "fact-list" });
  #ignoredCard = card("Ignored fields", "device-ignored",
    element(
      "p", { className: "quiet" }, "Texts and arrays that became no metric. A mapping in the route can use them."),
    this.#ignored);
  #payload = new PayloadView();
  #messageNote = element("p", { className: "quiet" });
  #messageCard = card("Last message", "device-message", this.#messageNote, this.#payload.root);
  #onAlert;
  #receivedAt = NaN;
  #topic = "";

  /** @param {(id: string) => void} onAlert the user opens an alert */
  constructor(onAlert) {
    this.#onAlert = onAlert;
    this.#root.append(this.#valuesCard, this.#alertsCard, this.#lettersCard, this.#ignoredCard,
      this.#messageCard);
  }

  /**
   * @param {DeviceAnswer} answer
   * @param {number} now the gateway's time
   */
  show(answer, now) {
    this.#root.hidden = false;
    const rest = unchartedMetrics(answer);
    this.#valuesCard.hidden = rest.length === 0;
    this.#values.replaceChildren(...rest.map(({ name, value, unit, time, age_ms: age }) => element("tr", {},
      element("th", { scope: "row" }, metricLabel(name)),
      element("td", {}, `${formatNumber(value)}${unitSuffix(unit)}`),
      element("td", { className: "table-age" }, formatAge(age === undefined ? NaN : now - time * 1000)))));
    this.#showAlerts(answer.alerts, now);
    this.#showLetters(answer, now);
    const { ignored_fields: ignored } = answer;
    this.#ignoredCard.hidden = ignored.length === 0;
    this.#ignored.replaceChildren(...ignored.map(({ name, kind, count }) => element("li", { className: "fact" },
      element("p", { className: "letter-head" }, element("strong", { className: "letter-topic" }, name), kind,
        element("span", { className: "letter-count" }, count === 1 ? "once" : `${count} times`)))));
    this.#showMessage(answer.last_message);
    // Others than operators get no messages, just as they get no dead letters.
    this.#messageCard.hidden = !answer.last_message && answer.dead_letter_count === undefined;
    this.tick(now);
  }

  hide() {
    this.#root.hidden = true;
  }

  /** @param {number} now the gateway's time */
  tick(now) {
    if (this.#topic) setText(this.#messageNote, `On ${this.#topic}, ${formatAge(now - this.#receivedAt)}`);
  }

  /**
   * @param {DeviceAnswer["alerts"]} alerts
   * @param {number} now
   */
  #showAlerts(alerts, now) {
    this.#alertsNote.hidden = alerts.length > 0;
    setText(this.#alertsNote, "None.");
    this.#alerts.replaceChildren(...alerts.map((raw) => {
      const alert = withTimes(raw);
      return element("li", { className: "fact" },
        element("p", { className: "letter-head" }, severityChip(alert.severity),
          element("button", {
            type: "button", className: "text-button fact-title", onclick: () => this.#onAlert(alert.alert_id),
          }, alert.title ?? alert.rule),
          alert.state === "pending" ? "pending" : null),
        element("p", {}, alert.message),
        element("p", { className: "quiet" }, `${alertFigures(alert)} · ${alertTimes(alert, now)}`));
    }));
  }

  /**
   * @param {DeviceAnswer} answer
   * @param {number} now
   */
  #showLetters({ dead_letter_count: count, dead_letters: letters = [] }, now) {
    this.#lettersCard.hidden = count === undefined;
    const messages = count === 1 ? "message" : "messages";
    setText(this.#lettersNote, count
      ? `${count} ${messages} on topics with this name could not be read.`
      : "None: every message on topics with this name could be read.");
    this.#lettersLink.hidden = !count;
    this.#letters.replaceChildren(...letters.map(({ topic, detail, count: times, last_at: last }) =>
      element("li", { className: "fact" },
        element("p", { className: "letter-head" }, element("strong", { className: "letter-topic" }, topic),
          element("span", { className: "letter-count" }, times === 1 ? "once" : `${times} times`)),
        element("p", { className: "letter-detail" }, detail),
        element("p", { className: "quiet" }, `last ${formatAge(now - Date.parse(last))}`))));
  }

  /** @param {DeviceAnswer["last_message"]} message */
  #showMessage(message) {
    this.#payload.root.hidden = !message;
    this.#topic = message?.topic ?? "";
    this.#receivedAt = message && !message.retained ? Date.parse(message.received_at) : NaN;
    if (message) this.#payload.update(message);
    else setText(this.#messageNote, "Nothing was received since the gateway started.");
  }
}

/**
 * Makes a card with a heading.
 * @param {string} title
 * @param {string} id for tests and the heading
 * @param {...HTMLElement} content
 */
function card(title, id, ...content) {
  return element("section",
    { className: "panel fact-card", dataset: { testid: id }, attributes: { "aria-labelledby": `${id}-title` } },
    element("header", { className: "panel-head" },
      element("h2", { id: `${id}-title`, className: "panel-title" }, title)),
    ...content);
}
