/**
 * Makes an element. Texts only ever become text nodes: nothing that a sensor says is read as HTML.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties] DOM properties; `dataset` and `attributes` are objects of their own
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElement}
 */
export function element(tag, { dataset, attributes, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  if (dataset) Object.assign(node.dataset, dataset);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets a text only when it differs: writing an equal one costs a layout all the same. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets a `data-` attribute only when it differs; `null` removes it. */
export function setData(node, name, value) {
  if (value === null || value === undefined) {
    if (name in node.dataset) delete node.dataset[name];
  } else if (node.dataset[name] !== String(value)) {
    node.dataset[name] = value;
  }
}
