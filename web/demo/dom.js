/** Small helps with the document. */

/** @returns {any} */
export const $ = id => document.getElementById(id);

/** A message in its place; an empty one hides the place. @param {string} id @param {string} text */
export function say(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

let reading;
/** Has something read out, once it has stood for `delay` milliseconds. */
export function announce(text, delay = 0) {
  clearTimeout(reading);
  const tell = () => ($('announce').textContent = text);
  if (delay) reading = setTimeout(tell, delay);
  else tell();
}

/** @param {string} tag @param {Record<string, any>} [properties] @param {...(Node | string)} children */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A dialog closes with a click beside it, and gives the focus back, which browsers see to. @param {HTMLDialogElement} dialog */
export function closeBeside(dialog) {
  let began = false; // a press that begins inside, as in selecting text, is none beside it
  dialog.addEventListener('pointerdown', event => (began = event.target === dialog));
  dialog.addEventListener('click', event => event.target === dialog && began && dialog.close());
}
