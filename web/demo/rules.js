/** By which rules photos are answered: the sentence around a label, how sure an answer must be, one label a photo or several. */
import { desk } from './desk.js';
import { $ } from './dom.js';
import { percent, t } from './words.js';

const LEAST = [0, 0.5, 0.8, 0.9, 0.95];
/** Milliseconds of quiet before a template that is being typed is looked at. */
const TYPING = 150;

/** @param {() => void} onChange */
export function listenToRules(onChange) {
  const { view } = desk;
  $('template').value = t('templateDefault');
  let quiet;
  $('template').addEventListener('input', () => {
    clearTimeout(quiet);
    quiet = setTimeout(onChange, TYPING);
  });
  for (const radio of document.querySelectorAll('[name="tags"]'))
    radio.addEventListener('change', () => {
      view.several = radio.value === 'several';
      onChange();
    });
  const choices = LEAST.map(least => {
    const radio = Object.assign(document.createElement('input'), {
      type: 'radio',
      name: 'least',
      value: least,
      checked: least === view.least,
    });
    radio.addEventListener('change', () => {
      view.least = least;
      onChange();
    });
    const label = document.createElement('label');
    label.append(radio, Object.assign(document.createElement('span'), { textContent: least ? percent(least) : t('leastAny') }));
    return label;
  });
  $('least').append(...choices);
}
