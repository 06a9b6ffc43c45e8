// A frame without content, whose policy binds the workers that are started in it: they may reach this site and the places that the
// frame's address names after #, and nothing else. A worker that is started from a blob has the policy of who started it.
const places = decodeURIComponent(location.hash.slice(1))
  .split(' ')
  .filter(place => /^https?:\/\/(\*\.)?[\w.-]+(:\d+)?$/.test(place));
const policy = document.createElement('meta');
policy.httpEquiv = 'Content-Security-Policy';
policy.content = `connect-src 'self' blob: ${places.join(' ')}`;
document.head.append(policy); // policies only ever add up: what both allow is allowed

/** @param {string} script address of a module */
window.startWorker = script => {
  const blob = new Blob([`import ${JSON.stringify(script)};`], { type: 'text/javascript' });
  return new Worker(URL.createObjectURL(blob), { type: 'module', name: 'clip-wasm' });
};

/** Whether a server answers at all, be it that its answer may not be read. @param {string} url */
window.answers = url =>
  fetch(url, { mode: 'no-cors', method: 'HEAD' }).then(
    () => true,
    () => false,
  );
