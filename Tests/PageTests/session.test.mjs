import assert from "node:assert/strict";
import { test } from "node:test";
import { hideUnreachable, isUsedUnasked, userOf } from "../../dashboards/web/app/session/session.js";

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

test("links to pages that need a token for everything are hidden from others", () => {
  const link = { hidden: true };
  globalThis.document = { querySelectorAll: () => [link] };
  const shown = [["#"], ["sensors/#", "#"], ["sensors/#"], undefined].map((join) => {
    hideUnreachable(token({ sub: "ann", join }));
    return !link.hidden;
  });
  assert.deepEqual(shown, [true, true, false, false]);
  hideUnreachable(null);
  assert.equal(link.hidden, true);
});
