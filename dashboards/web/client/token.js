/** How long before its end a token is renewed, unless it is good for less than four times as long. */
const leadMs = 60_000;
/** Between two renewals, whatever tokens and clocks say. */
const minDelayMs = 5_000;

/** What a token (RFC 7519) says of its time, in Unix milliseconds; null for what it does not say. @param {string} token */
function times(token) {
  try {
    const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const { iat, exp } = JSON.parse(atob(payload));
    const milliseconds = (value) => (typeof value === "number" ? value * 1000 : null);
    return { issuedAt: milliseconds(iat), expiry: milliseconds(exp) };
  } catch {
    return { issuedAt: null, expiry: null };
  }
}

/** When a token ends, in Unix milliseconds; null for one that does not say so. @param {string} token */
export function tokenExpiry(token) {
  return times(token).expiry;
}

/**
 * How long to wait before renewing a token; null when it does not end, or not within a timer's reach. By a clock that is
 * evidently wrong, before the token was made or after its end, it is taken for a new one.
 */
export function renewalDelay(token, nowMs) {
  const { issuedAt, expiry } = times(token);
  if (expiry === null) return null;
  const isPlausible = nowMs < expiry && (issuedAt === null || nowMs >= issuedAt);
  const left = isPlausible ? expiry - nowMs : expiry - (issuedAt ?? expiry);
  if (left > 2 ** 31 - 1) return null;
  return Math.max(minDelayMs, left - Math.min(leadMs, left / 4));
}
