/** Time before its end at which a token is renewed, unless it is good for less than four times as long. */
const leadMs = 60_000;
/** Between two renewals, whatever tokens and clocks say. */
const minDelayMs = 5_000;

/** The claims of a token (RFC 7519, section 4), not verified; none of what is no token. @param {string} token */
export function claimsOf(token) {
  try {
    const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/**
 * The milliseconds to wait before renewing a token; null when it does not end, or not within a timer's reach. By a clock that
 * is evidently wrong, before the token was made or after its end, it is taken for a new one.
 */
export function renewalDelay(token, nowMs) {
  const { iat, exp } = claimsOf(token);
  const [issuedAt, expiry] = [iat, exp].map((seconds) => (typeof seconds === "number" ? seconds * 1000 : null));
  if (expiry === null) return null;
  const isPlausible = nowMs < expiry && (issuedAt === null || nowMs >= issuedAt);
  const left = isPlausible ? expiry - nowMs : expiry - (issuedAt ?? expiry);
  if (left > 2 ** 31 - 1) return null;
  return Math.max(minDelayMs, left - Math.min(leadMs, left / 4));
}
