// Prints the readings and messages of rooms, and sends the lines that are typed. Requires Node 22 or later.
//
//     node node.mjs http://127.0.0.1:8080/ws "$WINDSOCK_TOKEN" 'sensors/#' chat/lobby
import { createInterface } from "node:readline";
import { WindsockClient } from "../windsock-client.js";

const [url, token, ...rooms] = process.argv.slice(2);
if (!url || !token || rooms.length === 0) {
  console.error("usage: node node.mjs URL TOKEN ROOM…");
  process.exit(64);
}
const client = new WindsockClient({ url, token });
client.on("state", ({ state, reason }) => console.error(`· ${state}${reason ? `: ${reason}` : ""}`));
client.on("error", (error) => console.error(`· ${error.code}: ${error.message}`));
client.on("notification", ({ title, body }) => console.log(`! ${title} ${body}`));
client.on("direct", ({ user_id: user, content }) => console.log(`${user} to you: ${content}`));
for (const room of rooms) {
  client.join(room, {
    onData: ({ device, data }) => console.log(device, data),
    onMessage: ({ room_id: id, user_id: user, content, alert }, { type }) =>
      console.log(type === "alert" ? `${id} ${alert.state}: ${alert.message}` : `${id} ${user}: ${content}`),
    onGap: (gap) => console.error("· something is missing:", gap),
  });
}
client.connect();

const chatRoom = rooms.find((room) => !/[+#]/.test(room));
createInterface({ input: process.stdin }).on("line", (line) => {
  if (chatRoom && line !== "") client.sendToRoom(chatRoom, line).catch((error) => console.error(`· ${error.message}`));
});
process.on("SIGINT", () => {
  client.close();
  process.exit(0);
});
