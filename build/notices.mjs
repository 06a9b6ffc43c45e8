// The notices that the licences of what is compiled into the modules ask for, out of the sources' own files.
// usage: node build/notices.mjs SOURCES EMSCRIPTEN OUT
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [sources, emscripten, out] = process.argv.slice(2);

/** stb_image.h ends with its licence. */
const atEndOf = file => {
  const text = readFileSync(file, 'utf8');
  return text.slice(text.indexOf('This software is available under 2 licenses')).replace(/\n-+\n\*\/\s*$/, '');
};

const source = name => join(sources, name);
const text = file => readFileSync(file, 'utf8');
const system = name => join(emscripten, name);

/** Upstream's tree has the licence of a part in a file; Debian's package has all in one, in paragraphs (copyright-format 1.0). */
function ofEmscripten(file, part) {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const paragraphs = readFileSync(system('../doc/emscripten/copyright'), 'utf8').split(/\n\n+/);
  const own = paragraphs.find(text =>
    text
      .match(/^Files:([\s\S]*?)\nCopyright:/)?.[1]
      .split(/\s+/)
      .includes(part),
  );
  const names = own.match(/^License: (.*)$/m)[1].split(/ or | and /);
  const licences = names.map(name => paragraphs.find(text => text.startsWith(`License: ${name}\n`))).filter(Boolean);
  return [own.replace(/^Files:[\s\S]*?\n(?=Copyright:)/, ''), ...licences].join('\n\n').replace(/^ \.$/gm, '').replace(/^ /gm, '');
}

const NOTICES = [
  ['XNNPACK', text(source('xnnpack/LICENSE'))],
  ['pthreadpool', text(source('pthreadpool/LICENSE'))],
  ['FP16', text(source('fp16/LICENSE'))],
  ['FXdiv', text(source('fxdiv/LICENSE'))],
  ['stb_image', atEndOf(source('stb/stb_image.h'))],
  ['utf8proc (tables made from it)', text(source('utf8proc/LICENSE.md'))],
  ['jsmn', text(source('jsmn/LICENSE'))],
  ["musl (Emscripten's C library)", text(system('system/lib/libc/musl/COPYRIGHT'))],
  ['Emscripten', ofEmscripten(system('LICENSE'), '*')],
  ['compiler-rt', ofEmscripten(system('system/lib/compiler-rt/LICENSE.TXT'), 'system/lib/compiler-rt/*')],
];

// A text that serves two is given once.
const parts = [...new Set(NOTICES.map(([, text]) => text))].map(text => {
  const names = NOTICES.filter(([, other]) => other === text).map(([name]) => name);
  return `${names.join(', ')}\n${'='.repeat(names.join(', ').length)}\n\n${text.trim()}\n`;
});
writeFileSync(out, `The WebAssembly modules beside this file contain code, or tables, of the following.\n\n${parts.join('\n\n')}`);
