/**
 * What an object has under a name that somebody else chose: a metric may be called `constructor`.
 * @param {object | undefined} object
 * @param {string} name
 */
export function own(object, name) {
  return object && Object.hasOwn(object, name) ? object[name] : undefined;
}
