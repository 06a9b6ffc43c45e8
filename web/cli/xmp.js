/**
 * Labels as keywords in a sidecar, PHOTO.xmp with the photo's whole name before it (photo.jpg.xmp), as darktable, digiKam and Shotwell
 * read them. The photo itself is never written to. What a sidecar has already stays.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** @param {string} text */
const escaped = text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** @param {string[]} labels */
const bagOf = labels =>
  `<dc:subject>\n    <rdf:Bag>\n${labels.map(label => `     <rdf:li>${escaped(label)}</rdf:li>\n`).join('')}    </rdf:Bag>\n   </dc:subject>`;

/** @param {string[]} labels */
const packetOf = labels => `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="clip-wasm">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
   ${bagOf(labels)}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;

/**
 * A packet with these keywords too. @param {string} packet @param {string[]} labels
 * @returns {string | null} null where it is not understood
 */
export function withKeywords(packet, labels) {
  const subject = /<dc:subject>\s*<rdf:(Bag|Seq)>([\s\S]*?)<\/rdf:\1>\s*<\/dc:subject>/.exec(packet);
  if (subject) {
    const have = new Set([...subject[2].matchAll(/<rdf:li>([\s\S]*?)<\/rdf:li>/g)].map(([, text]) => text.trim()));
    const added = labels.map(escaped).filter(label => !have.has(label));
    const at = subject.index + subject[0].lastIndexOf(`</rdf:${subject[1]}>`);
    return packet.slice(0, at) + added.map(label => `<rdf:li>${label}</rdf:li>`).join('') + packet.slice(at);
  }
  if (/<dc:subject\b/.test(packet)) return null;
  const named = /xmlns:dc="http:\/\/purl\.org\/dc\/elements\/1\.1\/"/.test(packet) ? '' : ' xmlns:dc="http://purl.org/dc/elements/1.1/"';
  const description = /<rdf:Description\b((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>/.exec(packet);
  if (!description) return null;
  const [whole, attributes, closed] = description;
  const start = `<rdf:Description${attributes}${named}>\n   ${bagOf(labels)}${closed ? '\n  </rdf:Description>' : ''}`;
  return packet.slice(0, description.index) + start + packet.slice(description.index + whole.length);
}

/** @param {string} photo @param {string[]} labels */
export function writeSidecar(photo, labels) {
  const path = `${photo}.xmp`;
  const packet = existsSync(path) ? withKeywords(readFileSync(path, 'utf8'), labels) : packetOf(labels);
  if (packet === null) throw new Error(`${path} is a sidecar that is not understood; it stays as it is`);
  writeFileSync(`${path}.new`, packet);
  renameSync(`${path}.new`, path);
}
