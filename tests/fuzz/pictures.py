"""Makes the picture fuzzer's seeds (tests/fuzz/seeds/image) with Pillow: python3 tests/fuzz/pictures.py. What it makes is committed."""
import math
import os
import struct
import zlib
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent / "seeds" / "image"
FOLDER.mkdir(parents=True, exist_ok=True)
W, H = 21, 18


def pixel(x, y):
    return (int(127 + 120 * math.sin(x / 3)), (x * 11 + y * 7) % 256, 255 if (x - 9) ** 2 + (y - 8) ** 2 < 30 else y * 12)


picture = Image.new("RGB", (W, H))
picture.putdata([pixel(x, y) for y in range(H) for x in range(W)])
grey = picture.convert("L")
alpha = picture.copy()
alpha.putalpha(Image.linear_gradient("L").resize((W, H)))
palette = picture.quantize(16)
exif = Image.Exif()
exif[0x0112] = 6


def put(name, data):
    (FOLDER / name).write_bytes(data)


def save(name, image, **options):
    image.save(FOLDER / name, **options)


save("baseline-420.jpg", picture, quality=60)
save("baseline-444.jpg", picture, quality=80, subsampling=0)
save("baseline-422.jpg", picture, quality=50, subsampling=1)
save("progressive.jpg", picture, quality=70, progressive=True)
save("progressive-grey.jpg", grey, quality=70, progressive=True)
save("grey.jpg", grey, quality=50)
save("cmyk.jpg", picture.convert("CMYK"), quality=50)
save("restart.jpg", picture, quality=50, restart_marker_blocks=1)
save("turned.jpg", picture, quality=50, exif=exif)
save("rgb.jpg", picture, quality=50, keep_rgb=True)
jpeg = (FOLDER / "baseline-420.jpg").read_bytes()
xmp = b"http://ns.adobe.com/xap/1.0/\0" + b'<x tiff:Orientation="8"/>'
put("xmp.jpg", jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp + jpeg[2:])
adobe = b"Adobe\0d\0\0\0\0\1"
put("adobe.jpg", jpeg[:2] + b"\xff\xee" + struct.pack(">H", len(adobe) + 2) + adobe + jpeg[20:])
put("cut.jpg", jpeg[:-40])
tall = bytearray((FOLDER / "grey.jpg").read_bytes())
at = tall.index(b"\xff\xc0")
put("arithmetic.jpg", bytes(tall).replace(b"\xff\xc0", b"\xff\xc9", 1))
# luma subsampled by one more way each: 2x1 and 1x2 and 4x1 are found by turning the sampling factors
colour = bytearray((FOLDER / "baseline-444.jpg").read_bytes())
at = colour.index(b"\xff\xc0") + 11
for factors in (0x12, 0x41, 0x14):
    changed = bytearray(colour)
    changed[at] = factors
    put(f"sampling-{factors:02x}.jpg", bytes(changed))

save("rgb.png", picture)
save("rgba.png", alpha)
save("grey.png", grey)
save("grey-alpha.png", alpha.convert("LA"))
save("palette.png", palette)
save("palette-4.png", picture.quantize(4), bits=2)
save("bits.png", grey.convert("1"))
save("grey-16.png", Image.fromarray(__import__("numpy").arange(W * H, dtype="uint16").reshape(H, W) * 170))
save("turned.png", picture, exif=exif)
save("transparent.png", palette, transparency=3)
save("transparent-grey.png", grey, transparency=9)


def png(width, height, depth, colour, raw, interlace=0, extra=b"", idat=None):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)) + extra
    packed = zlib.compress(raw, 9)
    for part in idat or [packed]:
        out += chunk(b"IDAT", packed if part is None else part)
    return out + chunk(b"IEND", b"")


raw = b"".join(bytes([row % 5]) + bytes((row * 31 + i * 7) % 256 for i in range(5 * 3)) for row in range(6))
put("filters.png", png(5, 6, 8, 2, raw))
put("rgb-16.png", png(2, 5, 16, 2, b"".join(bytes([row]) + bytes(range(12)) for row in range(5))))
put("empty-first.png", png(5, 6, 8, 2, raw, idat=[b"", b"", None]))
# Adam7: seven small pictures
passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
small = b""
for left, top, across, down in passes:
    columns, rows = max(0, -(-(9 - left) // across)), max(0, -(-(10 - top) // down))
    if columns and rows:
        small += b"".join(bytes([2]) + bytes((r * 9 + c) % 256 for c in range(columns)) for r in range(rows))
put("interlaced.png", png(9, 10, 8, 0, small, interlace=1))
text = b"Raw profile type exif\0\nexif\n      32\n" + (b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\7\0\0\0").hex().encode()
put("text.png", png(5, 6, 8, 2, raw, extra=struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", zlib.crc32(b"tEXt" + text))))
itxt = b"XML:com.adobe.xmp\0\0\0\0\0<tiff:Orientation>4</tiff:Orientation>"
put("xmp.png", png(5, 6, 8, 2, raw, extra=struct.pack(">I", len(itxt)) + b"iTXt" + itxt + struct.pack(">I", zlib.crc32(b"iTXt" + itxt))))
stored = zlib.compressobj(0)
put("stored.png", png(5, 6, 8, 2, raw, idat=[stored.compress(raw) + stored.flush()]))

save("palette.gif", palette)
save("interlaced.gif", palette, interlace=True)
save("transparent.gif", palette, transparency=2)
save("two.gif", palette, save_all=True, append_images=[palette.rotate(90)], duration=5)
one = (FOLDER / "palette.gif").read_bytes()
put("screen.gif", one[:6] + struct.pack("<HH", 60, 50) + one[10:])

save("24.bmp", picture)
save("8.bmp", palette)
save("1.bmp", grey.convert("1"))
save("32.bmp", alpha)


def bmp(bits, compression, width, height, data, colours=b"", masks=b"", info=40):
    if info == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, len(colours) // 4, 0)
    start = 14 + len(header) + len(masks) + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + masks + colours + data


colours = bytes(range(64)) + bytes(64 * 4 - 64)
put("rle8.bmp", bmp(8, 1, 6, 4, bytes([6, 3, 0, 0, 0, 4, 1, 2, 3, 4, 2, 9, 0, 0, 0, 2, 1, 0, 5, 7, 0, 0, 6, 1, 0, 1]), colours))
put("rle4.bmp", bmp(4, 2, 6, 3, bytes([6, 0x12, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 1, 7, 0, 0, 6, 0x33, 0, 1]), colours[:64]))
put("565.bmp", bmp(16, 3, 3, 2, bytes(range(16)), masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
put("555.bmp", bmp(16, 0, 3, 2, bytes(range(16))))
put("masks-32.bmp", bmp(32, 3, 2, 2, bytes(range(16)), masks=struct.pack("<III", 0xFF, 0xFF00, 0xFF0000)))
put("top.bmp", bmp(24, 0, 3, -2, bytes(range(24))))
put("4.bmp", bmp(4, 0, 5, 2, bytes(range(8)), colours[:64]))
put("os2.bmp", bmp(24, 0, 3, 2, bytes(range(24)), info=12))


def psd(depth, compression, data, width=5, height=4, channels=3):
    return b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, height, width, depth, 3) + struct.pack(">III", 0, 0, 0) + struct.pack(">H", compression) + data


put("raw.psd", psd(8, 0, bytes(range(60))))
put("raw-16.psd", psd(16, 0, bytes(range(120))))
row = bytes([254, 9, 1, 3, 4])  # three times 9, then 3 and 4
put("packed.psd", psd(8, 1, struct.pack(">H", len(row)) * 12 + row * 12))

put("grey.pgm", b"P5\n# a comment\n5 4\n255\n" + bytes(range(20)))
put("colour.ppm", b"P6 3 2 100\n" + bytes(range(18)))
put("deep.ppm", b"P6\n2 2\n65535\n" + bytes(range(24)))
put("deep.pgm", b"P5\n2 2\n1000\n" + bytes(range(8)))
put("unknown.webp", b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0")
