import { readdirSync, readFileSync } from "node:fs";

const pages = new URL("../../../dashboards/web/", import.meta.url);

/** Tag names of the pages' elements, by id. */
const tagNames = new Map();
for (const file of readdirSync(pages).filter((name) => name.endsWith(".html"))) {
  const html = readFileSync(new URL(file, pages), "utf8");
  for (const [, tag, id] of html.matchAll(/<(\w+)\b[^>]*?\bid="([^"]+)"/g)) tagNames.set(id, tag);
}

/** The parts of a DOM node that the tested modules use, without layout and parsing. */
class TestNode {
  parent = null;

  get nextSibling() {
    const siblings = this.parent?.childNodes ?? [];
    return siblings[siblings.indexOf(this) + 1] ?? null;
  }

  remove() {
    if (!this.parent) return;
    this.parent.childNodes = this.parent.childNodes.filter((node) => node !== this);
    this.parent = null;
  }
}

class TestText extends TestNode {
  constructor(text) {
    super();
    this.textContent = text;
  }
}

export class TestElement extends TestNode {
  childNodes = [];
  dataset = {};
  style = { setProperty: (name, value) => (this.style[name] = value) };
  hidden = false;
  #attributes = new Map();
  #listeners = new Map();

  constructor(tagName) {
    super();
    this.tagName = this.localName = tagName;
  }

  get children() {
    return this.childNodes.filter((node) => node instanceof TestElement);
  }

  get childElementCount() {
    return this.children.length;
  }

  get firstChild() {
    return this.childNodes[0] ?? null;
  }

  get lastElementChild() {
    return this.children.at(-1) ?? null;
  }

  get textContent() {
    return this.childNodes.map(({ textContent }) => textContent).join("");
  }

  set textContent(text) {
    this.replaceChildren(...(text === "" ? [] : [text]));
  }

  append(...nodes) {
    for (const node of nodes) this.insertBefore(node, null);
  }

  prepend(...nodes) {
    for (const node of nodes.reverse()) this.insertBefore(node, this.firstChild);
  }

  replaceChildren(...nodes) {
    for (const node of [...this.childNodes]) node.remove();
    this.append(...nodes);
  }

  insertBefore(child, place) {
    const node = child instanceof TestNode ? child : new TestText(String(child));
    node.remove();
    this.childNodes.splice(place ? this.childNodes.indexOf(place) : this.childNodes.length, 0, node);
    node.parent = this;
  }

  setAttribute(name, value) {
    this.#attributes.set(name, String(value));
  }

  getAttribute(name) {
    return this.#attributes.get(name) ?? null;
  }

  removeAttribute(name) {
    this.#attributes.delete(name);
  }

  addEventListener(type, listener) {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  dispatch(type, event = {}) {
    for (const listener of this.#listeners.get(type) ?? []) listener({ target: this, ...event });
  }

  click() {
    this.onclick?.({ stopPropagation() {} });
    this.dispatch("click");
  }

  querySelectorAll(tagName) {
    return this.children.flatMap((child) => [...(child.tagName === tagName ? [child] : []), ...child.querySelectorAll(tagName)]);
  }

  focus() {}
  scrollIntoView() {}
}

/** Installs a document and its globals, with an element for every id that is asked for. @returns {object} the document */
export function installDocument({ address = "http://gateway.test/" } = {}) {
  const byID = new Map();
  const document = Object.assign(new TestElement("document"), {
    visibilityState: "visible",
    documentElement: new TestElement("html"),
    body: new TestElement("body"),
    createElement: (tagName) => new TestElement(tagName),
    getElementById(id) {
      if (!byID.has(id)) byID.set(id, new TestElement(tagNames.get(id) ?? "div"));
      return byID.get(id);
    },
  });
  const stored = new Map([["windsock.token", "token"]]);
  const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) };
  const globals = {
    document, location: new URL(address), history: { state: null, replaceState() {} },
    sessionStorage: storage, localStorage: storage, addEventListener() {}, removeEventListener() {},
    matchMedia: () => ({ matches: false, addEventListener() {} }), navigator: { onLine: true },
  };
  for (const name in globals) Object.defineProperty(globalThis, name, { value: globals[name], configurable: true, writable: true });
  return document;
}
