import { describeEvent, severityChip } from "../alerts/alert-words.js";
import { element } from "../shared/dom.js";
import { formatTime } from "../shared/format.js";

/** @typedef {import("../../windsock-client.js").Envelope} Envelope */

/**
 * Makes the line of a room's message; `null` for messages without a line. `data-offset` is its position.
 * @param {Envelope} message
 * @param {string | null} self the current user
 * @returns {HTMLElement | null}
 */
export function chatItem(message, self) {
  if (message.type === "alert") return alertItem(message);
  if (message.type !== "chat_message") return null;
  const { user_id: user, content, message_id: id } = message.payload;
  return element("li", {
    className: "chat-message", dataset: { messageId: id, offset: message.offset, mine: user === self },
  },
    element("p", { className: "chat-meta" }, element("strong", {}, user), timeOf(message)),
    element("p", { className: "chat-text" }, content));
}

/**
 * Makes the line of an alert, with a link to it.
 * @param {Envelope} message
 */
function alertItem(message) {
  const { alert } = message.payload;
  return element("li", {
    className: "chat-alert",
    dataset: { offset: message.offset, alertId: alert.alert_id, state: alert.state, severity: alert.severity },
  },
    element("p", { className: "chat-meta" },
      severityChip(alert.severity), element("strong", {}, describeEvent(alert)), timeOf(message),
      element("a", { href: `/?alert=${encodeURIComponent(alert.alert_id)}` }, "Open")),
    element("p", { className: "chat-alert-text" },
      element("strong", {}, `${alert.device}: `), alert.message));
}

/** @param {Envelope} message */
function timeOf({ timestamp }) {
  const time = new Date(timestamp);
  return element("time", { dateTime: timestamp, title: time.toLocaleString() }, formatTime(time.getTime()));
}
