// A page of another origin imports this from the gateway. Its origin must be in `allowed_origins`.
import { WindsockClient } from "../windsock-client.js";

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? prompt("A token, please:");
const client = new WindsockClient({ url: "/ws", token });
client.on("state", ({ state }) => (document.getElementById("state").textContent = state));

const shown = new Map();
client.join("sensors/+", {
  maxRateHz: 2,
  onData({ device, data, units = {} }) {
    for (const [metric, value] of Object.entries(data)) {
      if (metric === "timestamp") continue;
      const key = `${device} ${metric}`;
      if (!shown.has(key)) {
        const name = document.createElement("dt");
        name.textContent = key;
        shown.set(key, document.createElement("dd"));
        document.getElementById("values").append(name, shown.get(key));
      }
      shown.get(key).textContent = `${value} ${units[metric] ?? ""}`;
    }
  },
});
client.join("chat/lobby", {
  onMessage({ user_id: user, content }, { type }) {
    if (type !== "chat_message") return;
    const item = document.createElement("li");
    item.textContent = `${user}: ${content}`;
    document.getElementById("messages").append(item);
  },
});
document.getElementById("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = document.getElementById("text");
  client.sendToRoom("chat/lobby", text.value).catch((error) => alert(error.message));
  text.value = "";
});
client.connect();
