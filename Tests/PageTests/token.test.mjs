// A token is renewed in time, and the next connection uses the newest one.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { claimsOf, renewalDelay, TokenSource } from "../../dashboards/web/client/token.js";
import { TestClock } from "./support/clock.mjs";

let clock;
beforeEach(() => (clock = new TestClock()));
afterEach(() => clock.restore());

function token(claims) {
  return `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
}

function source(options, { renew = async () => {}, onError = () => {} } = {}) {
  return new TokenSource({ now: () => clock.now, ...options }, { renew, onError });
}

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

test("claims are read as UTF-8, and a malformed token has none", () => {
  assert.deepEqual(claimsOf(token({ sub: "Zoë" })), { sub: "Zoë" });
  for (const malformed of ["", "x", "x.???.x", "x.bnVsbA.x"]) assert.deepEqual(claimsOf(malformed), {});
});

test("getToken renews the connection's token a minute before it expires", async () => {
  const renewed = [];
  const getToken = async () => "second";
  const tokens = source({ getToken }, { renew: async (next) => renewed.push(next) });
  tokens.bearer = token({ iat: clock.now / 1000, exp: clock.now / 1000 + 3600 });
  tokens.renewInTime();
  await clock.advance(3_539_999);
  assert.deepEqual(renewed, []);
  await clock.advance(1);
  assert.deepEqual(renewed, ["second"]);
});

test("a failed renewal is an error, not an exception; without a connection there is none", async () => {
  const errors = [];
  const getToken = async () => {
    throw new Error("login");
  };
  const tokens = source({ getToken }, { onError: ({ message }) => errors.push(message) });
  tokens.bearer = token({ exp: clock.now / 1000 + 10 });
  tokens.renewInTime();
  await clock.advance(10_000);
  assert.deepEqual(errors, ["login"]);
  tokens.renewInTime();
  tokens.stop();
  await clock.advance(60_000);
  assert.deepEqual(errors, ["login"]);
});

test("the next connection uses a token that the gateway has accepted meanwhile", async () => {
  const tokens = source({ token: "first" });
  assert.equal(await tokens.current(), "first");
  tokens.replace("second");
  assert.deepEqual([tokens.next(), tokens.bearer, await tokens.current()], ["second", "second", "second"]);
  let count = 0;
  const called = source({ token: () => `${(count += 1)}` });
  called.replace("other");
  assert.deepEqual([called.next(), called.next()], ["1", "2"]);
});

test("only a clear no of checkToken refuses a token", async () => {
  assert.equal(await source({ checkToken: async () => false }).isRefused("t"), true);
  assert.equal(await source({ checkToken: async () => true }).isRefused("t"), false);
  assert.equal(await source({ checkToken: () => Promise.reject(new Error("offline")) }).isRefused("t"), false);
  assert.equal(await source({}).isRefused("t"), false);
});
