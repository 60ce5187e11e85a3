/**
 * Windsock's client library: one WebSocket to a gateway, which reconnects.
 *
 * It reconnects with exponential back-off, resumes joins without holes or duplicates, sends unacknowledged messages
 * again, renews its token, and estimates the gateway's clock. It has no dependencies, and runs in browsers and wherever
 * there is a standard `WebSocket` (Node 22 and later). `windsock-client.d.ts` documents the API.
 *
 *     const client = new WindsockClient({ url: "/ws", token });
 *     client.join("sensors/+", { onData: ({ device, data }) => console.log(device, data.temperature) });
 *     client.join("chat/lobby", { onMessage: ({ user_id, content }) => console.log(user_id, content) });
 *     client.connect();
 *     await client.sendToRoom("chat/lobby", "hello");
 *
 * @module windsock-client
 */
export { WindsockClient } from "./client/client.js";
export { WindsockError } from "./client/errors.js";
