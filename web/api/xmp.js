/** Sidecar files with keywords: XMP as ISO 16684-1 has it, dc:subject for the labels, digiKam's own list of tags beside it. */

/** As XML has it; characters that XML has not are spaces. @param {string} text */
const escaped = text =>
  text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** @param {string[]} keywords @param {'Bag' | 'Seq'} kind */
const listOf = (keywords, kind) =>
  `<rdf:${kind}>\n${keywords.map(word => `     <rdf:li>${escaped(word)}</rdf:li>\n`).join('')}    </rdf:${kind}>`;

/** @param {string[]} keywords */
const subjectOf = keywords => `<dc:subject>\n    ${listOf(keywords, 'Bag')}\n   </dc:subject>`;

/** A sidecar's text. @param {string[]} keywords */
export const packetOf = keywords => `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="clip-wasm">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:digiKam="http://www.digikam.org/ns/1.0/">
   ${subjectOf(keywords)}
   <digiKam:TagsList>
    ${listOf(keywords, 'Seq')}
   </digiKam:TagsList>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;

/** @param {string} packet @param {string} property @param {string[]} keywords @returns {string | null} null where it has no such list */
function into(packet, property, keywords) {
  const list = new RegExp(`<${property}>\\s*<rdf:(Bag|Seq)>([\\s\\S]*?)</rdf:\\1>\\s*</${property}>`).exec(packet);
  if (!list) return null;
  const have = new Set([...list[2].matchAll(/<rdf:li>([\s\S]*?)<\/rdf:li>/g)].map(([, text]) => text.trim()));
  const added = keywords.map(escaped).filter(word => !have.has(word));
  const at = list.index + list[0].lastIndexOf(`</rdf:${list[1]}>`);
  return packet.slice(0, at) + added.map(word => `<rdf:li>${word}</rdf:li>`).join('') + packet.slice(at);
}

/**
 * A packet with these keywords too; what it has already stays. @param {string} packet @param {string[]} keywords
 * @returns {string | null} null where it is not understood
 */
export function withKeywords(packet, keywords) {
  const added = into(packet, 'dc:subject', keywords);
  if (added !== null) return into(added, 'digiKam:TagsList', keywords) ?? added;
  if (/<dc:subject\b/.test(packet)) return null;
  const named = /xmlns:dc="http:\/\/purl\.org\/dc\/elements\/1\.1\/"/.test(packet) ? '' : ' xmlns:dc="http://purl.org/dc/elements/1.1/"';
  const description = /<rdf:Description\b((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>/.exec(packet);
  if (!description) return null;
  const [whole, attributes, closed] = description;
  const start = `<rdf:Description${attributes}${named}>\n   ${subjectOf(keywords)}${closed ? '\n  </rdf:Description>' : ''}`;
  return packet.slice(0, description.index) + start + packet.slice(description.index + whole.length);
}
