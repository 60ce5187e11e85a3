/**
 * Whether a room filter matches a room, by the rules of MQTT topics: `+` is one level, `#` at the end any number of
 * levels, none included; rooms that begin with `$` or `users/` are reached by no leading wildcard.
 * @param {string} filter for example `sensors/+`
 * @param {string} room for example `sensors/greenhouse-1`
 */
export function roomMatches(filter, room) {
  if (filter === room) return true;
  const levels = room.split("/");
  const isProtected = room.startsWith("$") || levels[0] === "users";
  if (isProtected && /^[+#]/.test(filter)) return false;
  const pattern = filter.split("/");
  for (let index = 0; index < pattern.length; index += 1) {
    if (pattern[index] === "#") return true;
    if (index >= levels.length) return false;
    if (pattern[index] !== "+" && pattern[index] !== levels[index]) return false;
  }
  return pattern.length === levels.length;
}
