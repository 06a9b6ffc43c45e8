/** Sidecar files with keywords: XMP as ISO 16684-1 has it, dc:subject for the labels, digiKam's own list of tags beside it. */

const escaped = text =>
  text.replace(/[<>&"'\p{Cc}]/gu, one => `&#${one.codePointAt(0)};`).replace(/&#(?:[0-8]|1[0-9]|2[0-9]|3[01]|11|12|14|15|127);/g, ' ');

/** @param {string[]} keywords @returns {string} */
export function xmpOf(keywords) {
  const list = keywords.map(word => `<rdf:li>${escaped(word)}</rdf:li>`).join('');
  return `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="clip-wasm">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:digiKam="http://www.digikam.org/ns/1.0/">
   <dc:subject><rdf:Bag>${list}</rdf:Bag></dc:subject>
   <digiKam:TagsList><rdf:Seq>${list}</rdf:Seq></digiKam:TagsList>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;
}

/**
 * The sidecars of a snapshot's photos that have keywords. Lightroom looks for name.xmp, digiKam for name.jpg.xmp.
 * @param {import('./table.js').Row[]} rows @returns {{ path: string, text: string }[]}
 */
export function sidecarsOf(rows) {
  const files = new Map();
  for (const { folder, file, tags } of rows) {
    if (!tags.length) continue;
    const text = xmpOf(tags);
    files.set(`${folder}${file}.xmp`, text);
    const stem = `${folder}${file.replace(/\.[^.]*$/, '')}.xmp`;
    if (!files.has(stem)) files.set(stem, text); // a.jpg and a.png share it: the first has it
  }
  return [...files].map(([path, text]) => ({ path, text }));
}
