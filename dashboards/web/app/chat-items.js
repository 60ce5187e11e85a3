import { describeEvent, severityChip } from "./alert-words.js";
import { element } from "./dom.js";
import { formatTime } from "./format.js";

/**
 * A message of a room as a line of the chat; `null` for what is no line. Its place is `data-offset`.
 * @param {import("../windsock-client.js").Envelope} message
 * @param {string} self the user who looks at it
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

/** What an alert rule says is a line of its own kind, which leads to the alert. */
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

function timeOf({ timestamp }) {
  const time = new Date(timestamp);
  return element("time", { dateTime: timestamp, title: time.toLocaleString() }, formatTime(time.getTime()));
}
