// A chart's CSV has the shown series and range, in one file of bounded size.
import assert from "node:assert/strict";
import { test } from "node:test";
import { csvPaths, fileName, requestCSV } from "../../dashboards/web/app/charts/chart-export.js";
import { getParts } from "../../dashboards/web/app/shared/api.js";

const span = { from: Date.parse("2026-12-01T10:00:00Z"), to: Date.parse("2026-12-01T11:00:00.500Z") };
const shown = [
  { device: "b & c", metric: "t" }, { device: "a", metric: "t" }, { device: "b & c", metric: "h" },
];

test("a file is named after the chart and its range, without characters that file systems refuse", () => {
  assert.equal(fileName("Air: 1/2 „Süd“ °C", span, "csv"), "air-1-2-süd-c_20261201T100000Z_20261201T110000Z.csv");
  assert.equal(fileName("../..", span, "png"), "chart_20261201T100000Z_20261201T110000Z.png");
  assert.equal([...fileName("x".repeat(80), span, "csv")].filter((letter) => letter === "x").length, 60);
});

test("each device is requested once, with its metrics and the range", () => {
  assert.deepEqual(csvPaths(shown, span).map((path) => decodeURIComponent(path.replaceAll("+", " "))), [
    "/api/readings?format=csv&device=b & c&metric=t&metric=h&from=2026-12-01T10:00:00.000Z&to=2026-12-01T11:00:00.500Z",
    "/api/readings?format=csv&device=a&metric=t&from=2026-12-01T10:00:00.000Z&to=2026-12-01T11:00:00.500Z",
  ]);
});

const bytes = (...texts) => texts.map((text) => new TextEncoder().encode(text));

test("the answers become one table with one heading; devices without readings are left out", async () => {
  const answers = [bytes("time,va", "lue\r\n1,2\r\n"), bytes("time,value", "\r\n3,4\r\n")];
  const three = [...shown, { device: "none", metric: "t" }];
  const get = async () => answers.shift() ?? Promise.reject(Object.assign(new Error("unknown"), { status: 404 }));
  assert.equal(await (await requestCSV(three, span, "token", { get })).text(), "time,value\r\n1,2\r\n3,4\r\n");
  await assert.rejects(requestCSV(three, span, "token", { get }), /No readings of this chart are stored/);
});

test("the size of the whole file is bounded", async () => {
  const asked = [];
  const get = async (_path, _token, maxBytes) => { asked.push(maxBytes); return bytes("12345"); };
  await requestCSV(shown, span, "token", { get, maxBytes: 12 });
  assert.deepEqual(asked, [12, 7]);
  globalThis.fetch = async () => new Response("12345678");
  await assert.rejects(getParts("/", "token", 7), /too much for one file/);
  assert.equal(Buffer.concat(await getParts("/", "token", 8)).toString(), "12345678");
});
