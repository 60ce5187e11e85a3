import assert from "node:assert/strict";
import { test } from "node:test";
import { isUsedUnasked, userOf } from "../../dashboards/web/app/session.js";
import { renewalDelay } from "../../dashboards/web/client/token.js";
import { RoomLogs } from "../../dashboards/web/client/room-logs.js";

function token(claims) {
  return `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
}

test("a link signs nobody in as somebody else without asking", () => {
  const [ann, bob] = [token({ sub: "ann" }), token({ sub: "bob" })];
  assert.equal(isUsedUnasked(bob, null, "dash.example.org"), false);
  assert.equal(isUsedUnasked(bob, ann, "dash.example.org"), false);
  assert.equal(isUsedUnasked("nonsense", "other nonsense", "dash.example.org"), false);
  assert.equal(isUsedUnasked(token({ sub: "ann", exp: 9 }), ann, "dash.example.org"), true);
  assert.equal(isUsedUnasked(bob, null, "127.0.0.1"), true);
  assert.equal(userOf(token({ sub: "Zoë" })), "Zoë");
});

test("a token is renewed before its end, and never without a pause", () => {
  const now = 1_700_000_000_000;
  const seconds = now / 1000;
  assert.equal(renewalDelay(token({ iat: seconds, exp: seconds + 3600 }), now), 3_540_000);
  assert.equal(renewalDelay(token({ iat: seconds - 3000, exp: seconds + 600 }), now), 540_000);
  assert.equal(renewalDelay(token({ iat: seconds, exp: seconds + 40 }), now), 30_000);
  assert.equal(renewalDelay(token({ exp: seconds + 1 }), now), 5_000);
  assert.equal(renewalDelay(token({ sub: "ann" }), now), null);
  // A clock that is an hour ahead, and one that is an hour behind.
  for (const offset of [3_600_000, -3_600_000]) {
    assert.equal(renewalDelay(token({ iat: seconds, exp: seconds + 1800 }), now + offset), 1_740_000);
  }
  assert.equal(renewalDelay(token({ exp: seconds - 10 }), now), 5_000);
});

test("of thousands of rooms the inbox is never forgotten", () => {
  const logs = new RoomLogs({ deliver() {}, onGap() {}, readHistory() {} });
  logs.keep("users/ann");
  const inbox = logs.of("users/ann");
  for (let number = 0; number < 2000; number += 1) logs.of(`chat/${number}`);
  assert.equal(logs.get("users/ann"), inbox);
  assert.equal(logs.get("chat/0"), undefined);
});
