import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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

test("each page links to all others, and marks those that need a token for everything", () => {
  const pages = {
    "./": false, "./?view=devices": false, "latency.html": false, "clients.html": false, "dead-letters.html": true,
    "topics.html": true,
  };
  for (const page of ["latency.html", "clients.html", "dead-letters.html", "topics.html"]) {
    const html = readFileSync(new URL(`../../dashboards/web/${page}`, import.meta.url), "utf8");
    const [bar] = html.match(/<nav class="bar-links"[^]*?<\/nav>/);
    const links = [...bar.matchAll(/href="([^"]+)"( data-needs="everything")?/g)];
    const found = Object.fromEntries(links.map(([, href, needs]) => [href, needs !== undefined]));
    const { [page]: _, ...others } = pages;
    assert.deepEqual(found, others, page);
  }
});
