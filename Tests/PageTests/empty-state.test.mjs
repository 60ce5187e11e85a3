// The card of an empty dashboard: a command that works with this gateway's broker, and readings that no panel shows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { installDocument } from "./support/dom.mjs";
import { installFetch } from "./support/gateway.mjs";

const document = installDocument();
const requests = installFetch();
const { EmptyState, shellWord } = await import("../../dashboards/web/app/dashboard/empty-state.js");

const text = (id) => document.getElementById(id).textContent;

async function open(broker, panel) {
  const state = new EmptyState();
  const attached = state.attach("token");
  await requests.answer(() => broker);
  await attached;
  state.open(panel);
  state.show(true);
  return state;
}

test("the command names the broker, and the device of the dashboard", async () => {
  const broker = { host: "broker.example", port: 1884, tls: false, login: false, topic: "sensors/{device}/{metric}" };
  await open(broker, { devices: ["*"], metrics: ["temperature"] });
  assert.equal(text("empty-command"), "mosquitto_pub -h broker.example -p 1884 -t sensors/kitchen/temperature -m 21.5");
  assert.equal(text("empty-simulate"), "windsock simulate --mqtt-url mqtt://broker.example:1884");
  await open({ ...broker, host: "::1", port: 8883, tls: true, login: true, topic: "my home/{device}" },
    { devices: ["room-*"], metrics: ["t"] });
  assert.equal(text("empty-command"),
    "mosquitto_pub -h ::1 -p 8883 -u USER -P PASSWORD --tls-use-os-certs -t 'my home/room-1' -m '{\"t\":21.5}'");
  assert.equal(text("empty-simulate"), "windsock simulate --mqtt-url mqtts://[::1]:8883");
});

test("readings that no panel shows replace the command, the latest first", async () => {
  const state = await open({ host: "h", port: 1, tls: false, login: false, topic: "a/{device}" }, { devices: ["x"], metrics: ["t"] });
  assert.equal(document.getElementById("empty-waiting").hidden, false);
  state.received({ device: "kitchen", data: { timestamp: 1, temperature: 21.5 }, units: { temperature: "°C" } });
  for (let number = 1; number <= 20; number += 1) state.received({ device: `d${number}`, data: { timestamp: 1, t: number } });
  assert.equal(document.getElementById("empty-waiting").hidden, true);
  assert.equal(text("empty-title"), "Readings arrive");
  const devices = document.getElementById("empty-readings").children.map(({ dataset }) => dataset.device);
  assert.deepEqual([devices.length, devices[0]], [8, "d20"]);
  state.received({ device: "kitchen", data: { timestamp: 1, temperature: 21.5 }, units: { temperature: "°C" } });
  assert.match(document.getElementById("empty-readings").children[0].textContent, /^kitchen Temperature 21\.5.°C/u);
});

test("a reading's metric may have the name of a member of every object", async () => {
  const state = await open({ host: "h", port: 1, tls: false, login: false, topic: "a/{device}" }, { devices: ["x"], metrics: ["t"] });
  state.received({ device: "kitchen", data: { timestamp: 1, constructor: 2 }, units: { temperature: "°C" } });
  assert.match(text("empty-readings"), /^kitchen Constructor 2 (?!.*function)/);
});

test("words are quoted for a shell only when they need it", () => {
  assert.equal(shellWord("sensors/a-1/t"), "sensors/a-1/t");
  assert.equal(shellWord("it's $HOME"), "'it'\\''s $HOME'");
  assert.equal(shellWord(""), "''");
});
