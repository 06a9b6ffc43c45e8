/** Pictures in every form a page has them. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Engine } from '../../web/engine/engine.js';
import { readModule } from '../../web/node.js';
import { SHARED, needsShared } from '../js/helpers/cli.js';
import { makeOwnModel } from '../js/helpers/model.js';
import { startChromium, startSite } from './helpers/chromium.js';

/** @type {Awaited<ReturnType<typeof startChromium>>} */
let browser;
/** @type {Awaited<ReturnType<typeof startSite>>} */
let site;
/** Another origin, which sends no CORS headers. @type {Awaited<ReturnType<typeof startSite>>} */
let elsewhere;
/** @type {Awaited<ReturnType<typeof browser.page>>} */
let page;
before(async () => {
  browser = await startChromium();
  const mounts = {
    '/model/': await makeOwnModel(),
    ...(needsShared.skip ? {} : { '/images/': join(SHARED, 'data/images'), '/field/': join(SHARED, 'data/field/pictures') }),
  };
  elsewhere = await startSite({ mounts, isolated: false });
  site = await startSite({
    mounts,
    isolated: false,
    csp: `script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' blob: data:; worker-src 'self'`,
  });
  page = await browser.page(site);
  await page.evaluate(async () => {
    window.clip = await window.Clip.load('/model/', { threads: 1 });
    /** A canvas with a picture that tells its corners apart. */
    window.draw = (canvas = document.createElement('canvas')) => {
      Object.assign(canvas, { width: 60, height: 40 });
      const context = canvas.getContext('2d');
      for (let i = 0; i < 24; i++) {
        context.fillStyle = `rgb(${(i * 53) % 256} ${(i * 101) % 256} ${(i * 197) % 256})`;
        context.fillRect((i % 6) * 10, Math.floor(i / 6) * 10, 10, 10);
      }
      return canvas;
    };
    window.png = canvas => new Promise(resolve => canvas.toBlob(resolve, 'image/png'));
    window.outcome = input =>
      window.clip.encode(input).then(
        e => Array.from(e),
        error => error.code,
      );
  });
});
after(async () => {
  await browser?.close();
  await site?.close();
  await elsewhere?.close();
});
const close = (a, b, name) => {
  assert.ok(Array.isArray(a), `${name}: ${a}`);
  a.forEach((x, i) => assert.ok(Math.abs(x - b[i]) < 1e-4, `${name}: ${x} is not ${b[i]}`));
};

test('the same pixels in every form give the same embedding', async () => {
  const results = await page.evaluate(async () => {
    const { draw, png, outcome } = window;
    const canvas = draw();
    const blob = await png(canvas);
    const address = URL.createObjectURL(blob);
    const img = Object.assign(new Image(), { src: address });
    const dataImg = Object.assign(new Image(), { src: canvas.toDataURL() });
    const bitmap = await createImageBitmap(canvas);
    return {
      bytes: await outcome(await blob.arrayBuffer()),
      blob: await outcome(blob),
      file: await outcome(new File([blob], 'x.png')),
      response: await outcome(new Response(blob)),
      url: await outcome(new URL(address)),
      canvas: await outcome(canvas),
      offscreen: await outcome(draw(new OffscreenCanvas(60, 40))),
      imageData: await outcome(canvas.getContext('2d').getImageData(0, 0, 60, 40)),
      bitmap: await outcome(bitmap),
      'bitmap, which stays the caller’s': await outcome(bitmap),
      img: await outcome(img),
      'img with data:': await outcome(dataImg),
      'data:': await outcome(new URL(canvas.toDataURL())),
      frame: await outcome(new VideoFrame(canvas, { timestamp: 0 })),
    };
  });
  for (const [name, embedding] of Object.entries(results)) {
    if (name !== 'frame') close(embedding, results.bytes, name);
    else assert.ok(Array.isArray(embedding), `${name}: ${embedding}`); // video has its own colours
  }
});

test('an SVG in an <img> is drawn', async () => {
  const result = await page.evaluate(async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><circle cx="20" cy="20" r="15" fill="red"/></svg>';
    const image = Object.assign(new Image(), { src: `data:image/svg+xml,${encodeURIComponent(svg)}` });
    return window.outcome(image);
  });
  assert.ok(Array.isArray(result), String(result));
});

test('what has no pixels is refused', async () => {
  const results = await page.evaluate(async () => {
    const { outcome } = window;
    const empty = Object.assign(document.createElement('canvas'), { width: 0, height: 0 });
    return {
      canvas: await outcome(empty),
      offscreen: await outcome(new OffscreenCanvas(0, 5)),
      video: await outcome(document.createElement('video')),
      img: await outcome(new Image()),
      'img that is not there': await outcome(Object.assign(new Image(), { src: '/nowhere.png' })),
      'empty blob': await outcome(new Blob([])),
      text: await outcome(new Blob(['hello'])),
      html: await outcome(new URL('/blank.html', location.href)),
      nothing: await outcome(null),
      number: await outcome(7),
      'address of nothing': await outcome(new URL('/nowhere.png', location.href)),
    };
  });
  assert.deepEqual(results, {
    canvas: 'bad-image-size',
    offscreen: 'bad-image-size',
    video: 'bad-image-size',
    img: 'bad-input',
    'img that is not there': 'not-found',
    'empty blob': 'bad-image',
    text: 'unknown-image-format',
    html: 'unknown-image-format',
    nothing: 'bad-input',
    number: 'bad-input',
    'address of nothing': 'not-found',
  });
});

describe('pictures of others', needsShared, () => {
  test('tainted ones are refused by name', async () => {
    const results = await page.evaluate(async address => {
      const image = new Image();
      image.src = address;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.getContext('2d').drawImage(image, 0, 0);
      return {
        canvas: await window.outcome(canvas),
        img: await window.outcome(image),
        bitmap: await window.outcome(await createImageBitmap(image)),
      };
    }, `${elsewhere.url}images/hopper.png`);
    assert.deepEqual(results, { canvas: 'tainted-image', img: 'tainted-image', bitmap: 'tainted-image' });
  });

  test('every picture gives an embedding or a typed error', async () => {
    const { images } = JSON.parse(await readFile(join(SHARED, 'data/images.json'), 'utf8'));
    for (const { file, error, format } of images) {
      const result = await page.evaluate(name => window.outcome(new URL(`/images/${name}`, location.href)), file);
      if (!error && format !== 'TIFF') assert.ok(Array.isArray(result), `${file}: ${result}`);
      else if (!Array.isArray(result)) assert.match(result, /^(bad-image|unknown-image-format|bad-image-size)$/, file);
    }
    assert.ok(Array.isArray(await page.evaluate(() => window.outcome(window.draw()))), 'and the worker lives');
  });

  test('WebP and AVIF, decoded by the browser and resized by us, are Pillow’s within a level on average', async () => {
    const { images } = JSON.parse(await readFile(join(SHARED, 'data/images.json'), 'utf8'));
    const engine = await Engine.create({ wasm: await readModule('simd') });
    const report = [];
    for (const { file, format, crop224 } of images) {
      if (format !== 'WEBP' && format !== 'AVIF') continue;
      const ours = await page.evaluate(async name => {
        const [{ Engine }, { cropOf }] = await Promise.all([import('/web/engine/engine.js'), import('/web/pictures/picture.js')]);
        window.engine ??= await Engine.create({ wasm: '/web/wasm/clip-simd.wasm' });
        const bytes = new Uint8Array(await (await fetch(`/images/${name}`)).arrayBuffer());
        return Array.from(await cropOf(window.engine, { label: name, bytes }, 224));
      }, file);
      const theirs = engine.crop(await readFile(join(SHARED, 'data/images', crop224)), 224);
      const mean = ours.reduce((sum, x, i) => sum + Math.abs(x - theirs[i]), 0) / ours.length;
      report.push(`${file}: ${mean.toFixed(3)}`);
      assert.ok(mean <= 1, report.join(', '));
    }
    assert.ok(report.length >= 4);
    if (process.env.VERBOSE) console.log(report.join('\n'));
  });
});

/** What cropOf makes of bytes in the page, without a worker. @param {string} address @returns {Promise<number[] | string>} */
const cropInPage = (address, size = 224) =>
  page.evaluate(
    async ({ address, size }) => {
      const [{ Engine }, { cropOf }] = await Promise.all([import('/web/engine/engine.js'), import('/web/pictures/picture.js')]);
      window.engine ??= await Engine.create({ wasm: '/web/wasm/clip-simd.wasm' });
      const bytes = address.startsWith('/')
        ? new Uint8Array(await (await fetch(address)).arrayBuffer())
        : Uint8Array.from(atob(address), c => c.charCodeAt(0));
      return cropOf(window.engine, { label: 'it', bytes }, size).then(
        crop => Array.from(crop),
        error => error.code,
      );
    },
    { address, size },
  );

test('where the browser decodes, a picture may have no more pixels than its file is worth', async () => {
  const results = await page.evaluate(async () => {
    const [{ Engine }, { cropOf }] = await Promise.all([import('/web/engine/engine.js'), import('/web/pictures/picture.js')]);
    const engine = await Engine.create({ wasm: '/web/wasm/clip-simd.wasm' });
    /** A plain picture: a few KB, whatever its size. */
    const plain = async (width, height) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d');
      context.fillStyle = '#3a7';
      context.fillRect(0, 0, width, height);
      return new Uint8Array(await (await canvas.convertToBlob({ type: 'image/webp', quality: 0.5 })).arrayBuffer());
    };
    const crop = async (bytes, bounds) =>
      cropOf(engine, { label: 'it', bytes }, 8, undefined, undefined, bounds).then(
        rgb => Math.max(...rgb.map((value, i) => Math.abs(value - [0x33, 0xaa, 0x77][i % 3]))) <= 4,
        error => `${error.code} ${error.message}`,
      );
    const small = await plain(4000, 3000);
    const large = await plain(5000, 4000);
    const bitmap = await createImageBitmap(new ImageData(100, 100));
    const given = await cropOf(engine, { label: 'it', bitmap }, 8, undefined, undefined, { pixels: 9999 }).catch(error => error.message);
    return {
      bytes: large.length,
      small: await crop(small),
      large: await crop(large),
      lowered: await crop(small, { pixels: 11_000_000 }),
      given,
    };
  });
  assert.ok(results.bytes < 200_000);
  assert.equal(results.small, true);
  assert.match(
    results.large,
    /^bad-image-size it has 5000x4000 pixels, which take 240 MB to decode; a file of [\d.]+ MB may take 2\d\d\.$/,
  );
  assert.equal(results.lowered, 'bad-image-size it has 4000x3000 pixels; at most 11000000 are read.');
  assert.equal(results.given, 'it has 100x100 pixels; at most 9999 are read.');
});

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
const largest = (a, b) => Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

test('pictures after public reports: as Pillow reads them, or refused, or what they were', needsShared, async () => {
  const { pictures } = JSON.parse(await readFile(join(SHARED, 'data/field/pictures.json'), 'utf8'));
  await cropInPage('/field/gif--pixel-35-bytes.gif', 1); // makes the engine
  const wrong = await page.evaluate(async list => {
    const { cropOf } = await import('/web/pictures/picture.js');
    const crop = async name => {
      const bytes = new Uint8Array(await (await fetch(`/field/${name}`)).arrayBuffer());
      return cropOf(window.engine, { label: name, bytes }, 224).catch(error => error.code);
    };
    const differ = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
    const whole = await crop('png-ends--many-idats.png.crop224.png');
    const found = [];
    for (const { file, pillow } of list) {
      if (file === 'png-colours--grey16.png') continue; // Pillow clips it, we scale it
      const ours = await crop(file);
      if (pillow) {
        // browsers do not care about checksums
        const read = typeof ours !== 'string' && !(/bad/.test(file) && file.endsWith('.png') && differ(ours, whole) <= 1);
        if (read || (typeof ours === 'string' && !/^(bad-image|unknown-image-format)$/.test(ours))) found.push(`${file}: ${read || ours}`);
        continue;
      }
      const difference = typeof ours === 'string' ? ours : differ(ours, await crop(`${file}.crop224.png`));
      if (!(difference <= (/\.(jpg|mpo)$/.test(file) ? 4 : 1))) found.push(`${file}: ${difference}`);
    }
    return found;
  }, pictures);
  assert.equal(pictures.length, 107);
  assert.deepEqual(wrong, []);
});

test('transparent parts of WebP and AVIF keep their colours', async () => {
  // 16x12, red 16 x, green 20 y, blue 255 - 8 x - 8 y; alpha 0 left of 8, 16 x left of 12, then 255. Written by Pillow 9.4: WebP lossless
  // and exact, AVIF of quality 100 and 4:4:4; its middle as Pillow reads it again
  const webp = 'UklGRjoAAABXRUJQVlA4TC4AAAAvD8ACEJkKRPQ/NhHR/zCYadvGIMof7e79GYjj/xMIQuSBZy6ZnoxcXS1NangX';
  const avif =
    'AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAGGbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcGl0bQAAAA' +
    'AAAQAAACxpbG9jAAAAAEQAAAIAAQAAAAEAAAHLAAABPAACAAAAAQAAAa4AAAAdAAAAQmlpbmYAAAAAAAIAAAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAA' +
    'ABppbmZlAgAAAAACAABhdjAxQWxwaGEAAAAAGmlyZWYAAAAAAAAADmF1eGwAAgABAAEAAADDaXBycAAAAJ1pcGNvAAAAFGlzcGUAAAAAAAAAEAAAAAwAAA' +
    'AQcGl4aQAAAAADCAgIAAAADGF2MUOBIAAAAAAAE2NvbHJuY2x4AAEADQAGgAAAAA5waXhpAAAAAAEIAAAADGF2MUOBABwAAAAAOGF1eEMAAAAAdXJuOm1w' +
    'ZWc6bXBlZ0I6Y2ljcDpzeXN0ZW1zOmF1eGlsaWFyeTphbHBoYQAAAAAeaXBtYQAAAAAAAAACAAEEAQKDBAACBAEFhgcAAAFhbWRhdBIACgUYDP75VDISRA' +
    'AA88CS1e1ex43dcZzKKrXwEgAKCDgM/vlAQ0GkMq0CEAAA0KLfZr8bXx8Kj/u5HmsHd5SyL+pif2PJGxFBvadEOcLcpDJhwLxsnBG81t2nO46H5fnfm/MJ' +
    '+iZp4B1eLnFQ0g//pU94aSK01pSyVc5przaR1C0F8sh/9alQRP7okJhsmVvP5RpjOZD8x4Z8exBtkLKUhuz/QSIMO8FYWpuLyRlHpONRIMpS35FM6m58uA' +
    'QrcWl75ESIke2ByTw0UknzOFrCoo+jb/EMd01V3hZ9rSb1pY4qAmIo/xQvNjAIO2UjjeUUYtkMvaHlldSNG2OX4ppSKj9ndj4u2b5nsCwxMYg2jh9/+ieO' +
    'Gk/tiXd9juiANv69Ob5sHCgxa16j3VYktbcgwyTPGzcJD07nBv9WG1pAmIT45P4JFnXngLd2PnDzUvgLn6+E4vdWgA==';
  const avifRgb =
    'IQDuMAHmQQDfUADWYADOcADHfwC/kAC2oQCwsACnwQCf0ACWIRTmMBXfPxTWUBTOXxTHcBS/gRS2kBSwoRSnsBOevxSW0BOPHyjeMCjWPyjNUCjHYCi/cC' +
    'i2gCiwkSinnyiesCeXwSeP0CiHHzzWMDzPQDzHUDy+YDy2cTywgD2nkDyeoDuXsDyPwDyG0TuAIFDPL1DHQFC+UVC4YFGvcE+mgE+ekFCXoFCPsVCGwFCA' +
    '0VB3IGTHMWS+QGS4UGSvYGOmb2SegGSXkWSPoGSGsWSAwGR30WRvIHm+MHi4QXivT3imYHifb3iXgHiPkHiGoHiAsHh3wXhvz3hnIYy4L4yuQIymT4yfYI' +
    'yXcIyPgIyIkIyAoYx3r4xuwItn0ItfIKCuL6CmP6CfUKCXX6GPcKCIgaCAkKF3oJ9wsJ9nwKBf0KBXH7SmMLSfP7WXULSOYbSIcLWAf7R2kLNwn7RnsLRf' +
    'wbRW0LRQH8ifMMiXQMiOUMmIYMl/cMh2f8hvkMhnochfsMhYwMhQ0MlHINyXL92QQN2IUdx/X9x2cNxvgNxnkNxfoNxYsN1QwNxH0dxB';
  const rgb = Uint8Array.from({ length: 12 * 12 * 3 }, (_, i) => {
    const [x, y] = [(Math.floor(i / 3) % 12) + 2, Math.floor(i / 36)];
    return [16 * x, 20 * y, 255 - 8 * x - 8 * y][i % 3];
  });
  const found = await cropInPage(webp, 12);
  assert.ok(Array.isArray(found) && largest(found, rgb) === 0, `WebP: ${Array.isArray(found) ? largest(found, rgb) : found}`);
  const other = await cropInPage(avif, 12);
  const decoded = Buffer.from(avifRgb, 'base64');
  assert.ok(Array.isArray(other) && largest(other, decoded) <= 1, `AVIF: ${Array.isArray(other) ? largest(other, decoded) : other}`);
});

test('a photo is upright however it is given', needsShared, async () => {
  const results = await page.evaluate(async () => {
    const { outcome } = window;
    const address = '/images/exif-landscape-6.jpg';
    const blob = await (await fetch(address)).blob();
    const own = URL.createObjectURL(blob);
    const gone = URL.createObjectURL(blob);
    const image = async (src, rest = {}) => {
      const made = Object.assign(new Image(), { src, ...rest });
      await made.decode();
      return made;
    };
    const goneImage = await image(gone);
    URL.revokeObjectURL(gone);
    const candidates = Object.assign(new Image(), { srcset: `${address} 1x` });
    const dataAddress = await new Promise(resolve => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(blob);
    });
    return {
      file: await outcome(new File([blob], 'x.jpg')),
      url: await outcome(new URL(address, location.href)),
      'data:': await outcome(new URL(dataAddress)),
      img: await outcome(await image(address)),
      'img with blob:': await outcome(await image(own)),
      'img with data:': await outcome(await image(dataAddress)),
      'img with srcset alone': await outcome(candidates),
      'bitmap, roughly': await outcome(await createImageBitmap(blob)),
      'img whose blob: is gone, roughly': await outcome(goneImage),
    };
  });
  for (const [name, embedding] of Object.entries(results)) {
    if (!name.endsWith('roughly')) close(embedding, results.file, name);
    else {
      assert.ok(Array.isArray(embedding), `${name}: ${embedding}`);
      const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
      const cosine = dot(embedding, results.file) / Math.sqrt(dot(embedding, embedding) * dot(results.file, results.file));
      assert.ok(cosine > 0.9999, `${name}: ${cosine}`);
    }
  }
});

test('ImageData of floats, canvases that were given away, and long addresses', async () => {
  const results = await page.evaluate(async () => {
    const { outcome, draw } = window;
    const canvas = draw();
    const context = canvas.getContext('2d');
    const eight = context.getImageData(0, 0, 60, 40);
    let floats = null;
    try {
      floats = new ImageData(60, 40, { pixelFormat: 'rgba-float16' });
      if (floats.data instanceof Uint8ClampedArray) floats = null;
      else for (let i = 0; i < eight.data.length; i++) floats.data[i] = eight.data[i] / 255;
    } catch {} // not known here
    const placeholder = Object.assign(document.createElement('canvas'), { width: 60, height: 40 });
    const given = placeholder.transferControlToOffscreen();
    draw(given);
    const lost = new OffscreenCanvas(60, 40);
    structuredClone(lost, { transfer: [lost] });
    const message = input =>
      window.clip.encode(input).then(
        () => '',
        error => `${error.code} ${error.message.length < 400}`,
      );
    return {
      eight: await outcome(eight),
      floats: floats ? await outcome(floats) : 'none',
      offscreen: await outcome(given),
      lost: await outcome(lost),
      long: await message(new URL(`data:image/png;base64,${'!'.repeat(300000)}`)),
    };
  });
  if (results.floats !== 'none') close(results.floats, results.eight, 'floats');
  close(results.offscreen, results.eight, 'offscreen');
  assert.match(String(results.lost), /^bad-(input|image-size)$/);
  assert.equal(results.long, 'bad-input true');
});

test('data: addresses are read as fetch reads them', async () => {
  const [differ, fetched] = await page.evaluate(async () => {
    const { bytesOfDataAddress } = await import('/web/pictures/input.js');
    const addresses = [
      'data:,abc',
      'data:text/plain,a%20b%2',
      'data:,%ff%FE%zz%4',
      'data:;base64,aGVs bG8=',
      'data:image/png; BASE64 ,aGVsbG8',
      'data:image/png;base64;x=1,aGVsbG8',
      'data:;base64,aGVsbG8%3D',
      'data:;base64,a',
      'data:,a#b',
      'data:,a?b,c',
      'data:,%C3%A9é',
      'data:;base64,####',
      'DATA:;base64,AA==',
    ];
    const read = await Promise.all(
      addresses.map(async address => {
        const theirs = await fetch(address).then(
          async response => String(new Uint8Array(await response.arrayBuffer())),
          () => 'refused',
        );
        let ours = 'refused';
        try {
          ours = String(bytesOfDataAddress(new URL(address).href, 'it'));
        } catch {}
        return { address, theirs, ours };
      }),
    );
    return [read.filter(({ theirs, ours }) => theirs !== ours), read.filter(({ theirs }) => theirs !== 'refused').length];
  });
  assert.deepEqual(differ, []);
  assert.ok(fetched > 8, `${fetched} were fetched`);
});

test('EXIF orientation in a WebP is applied once', async () => {
  const rows = await page.evaluate(async () => {
    const { draw } = window;
    const canvas = draw();
    const plain = new Uint8Array(await (await new Promise(resolve => canvas.toBlob(resolve, 'image/webp', 1))).arrayBuffer());
    // the same, with an EXIF chunk that says: rotate by 180 degrees
    const exif = Uint8Array.of(0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0);
    const frames = plain.subarray(12);
    const chunk = (tag, data) => [
      ...new TextEncoder().encode(tag),
      data.length & 255,
      data.length >> 8,
      0,
      0,
      ...data,
      ...(data.length & 1 ? [0] : []),
    ];
    const extended = chunk('VP8X', Uint8Array.of(0x08, 0, 0, 0, 59, 0, 0, 39, 0, 0));
    const simple = new TextDecoder().decode(frames.subarray(0, 4)).startsWith('VP8X') ? frames.subarray(18) : frames;
    const body = [...new TextEncoder().encode('WEBP'), ...extended, ...simple, ...chunk('EXIF', exif)];
    const size = new Uint8Array(new Uint32Array([body.length]).buffer);
    const turned = Uint8Array.of(...new TextEncoder().encode('RIFF'), ...size, ...body);
    const [{ Engine }, { cropOf }] = await Promise.all([import('/web/engine/engine.js'), import('/web/pictures/picture.js')]);
    const engine = await Engine.create({ wasm: '/web/wasm/clip-simd.wasm' });
    const [a, b] = [await cropOf(engine, { label: 'a', bytes: plain }, 40), await cropOf(engine, { label: 'b', bytes: turned }, 40)];
    return { a: Array.from(a), b: Array.from(b) };
  });
  let different = 0;
  for (let i = 0; i < 1600; i++)
    for (let c = 0; c < 3; c++) different = Math.max(different, Math.abs(rows.a[i * 3 + c] - rows.b[(1599 - i) * 3 + c]));
  assert.ok(different <= 2, `${different} levels`);
});
