/** Where the sample pictures are. The site that is built has all of this in the bundle, and the small pictures in one strip. */

export const folder = new URL('../weights/samples/', document.baseURI).href;

/** Address of one picture with all small ones side by side, if there is one. @type {string | null} */
export const strip = null;

/** @returns {Promise<any[]>} */
export const listOf = () => fetch(new URL('index.json', folder)).then(answer => (answer.ok ? answer.json() : []));
