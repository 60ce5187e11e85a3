// Flags of alerts are large enough to hit, and none covers another while there is room.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FlagLanes, flagPixels } from "../../dashboards/web/app/charts/alert-bands.js";

const plot = { left: 40, right: 340, top: 6, bottom: 146 };

test("flags have at least 24 pixels", () => assert.ok(flagPixels >= 24));

test("alerts that began shortly after one another have flags beneath one another", () => {
  const lanes = new FlagLanes(plot);
  const places = [100, 105, 110, 200].map((left) => lanes.place(left));
  assert.deepEqual(places.map(({ top }) => top), [6, 6 + flagPixels, 6 + 2 * flagPixels, 6]);
});

test("a flag stays in the plot", () => {
  const lanes = new FlagLanes(plot);
  assert.equal(lanes.place(-20).left, 40);
  assert.equal(lanes.place(339).left, 340 - flagPixels);
});

test("without free space a flag covers another one", () => {
  const lanes = new FlagLanes({ ...plot, bottom: 20 });
  assert.deepEqual([lanes.place(100), lanes.place(101)].map(({ top }) => top), [6, 6]);
});
