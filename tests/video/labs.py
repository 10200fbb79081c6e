"""Files of laboratory formats, built byte by byte from their published descriptions."""

import struct

import numpy as np

SETUP_BYTES = 0x2480
TICKS = 2**32


def pack10(codes):
    """Pack four codes of 10 bits into five bytes, highest bits first."""
    a = np.asarray(codes, np.uint64).reshape(-1, 4)
    word = a[:, 0] << np.uint64(30) | a[:, 1] << np.uint64(20) | a[:, 2] << np.uint64(10) | a[:, 3]
    return word.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:].tobytes()


def pack12(values):
    """Pack two values of 12 bits into three bytes, highest bits first; an odd one is padded."""
    flat = np.asarray(values, np.uint32).ravel()
    size = -(-flat.size * 12 // 8)
    pairs = np.append(flat, 0)[: flat.size // 2 * 2 + flat.size % 2 * 2].reshape(-1, 2)
    word = pairs[:, 0] << np.uint32(12) | pairs[:, 1]
    return word.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()[:size]


def setup(rate=2200, bits=12, shutter_ns=100_000, filters=0, length=SETUP_BYTES, flips=(0, 0)):
    """Return a camera's setup, cut to a length as older software wrote it."""
    data = bytearray(SETUP_BYTES)
    struct.pack_into("<HH", data, 0, min(rate, 65535), min(shutter_ns // 1000, 65535))
    struct.pack_into("<2sH", data, 140, b"ST", length)
    struct.pack_into("<ii", data, 756, *flips)
    struct.pack_into("<II", data, 768, rate, shutter_ns // 1000)
    struct.pack_into("<I", data, 792, 2512)
    struct.pack_into("<I", data, 808, filters)
    struct.pack_into("<I", data, 896, bits)
    struct.pack_into("<I", data, 1568, shutter_ns)
    struct.pack_into("<f", data, 6976, 30.0)  # fPbRate, of playback
    return bytes(data[:length])


def cine(
    path, frames, *, packing=0, compression=0, times=None, top_down=False, notes=b"", missing=0,
    head_only=False, **more,
):  # fmt: skip
    """Write a .cine, or all of it that precedes the images.

    `frames` are codes where they are packed, (n, h, w, 3) BGR in colour.
    """
    height, width = frames.shape[1:3]
    depth = 16 if packing else 8 * frames.dtype.itemsize * (3 if frames.ndim == 4 else 1)
    if head_only:
        pixels = [bytes(frames[0].size * frames.dtype.itemsize)]
    elif packing:
        pixels = [(pack10 if packing == 256 else pack12)(frame) for frame in frames]
    else:
        pixels = [(frame if top_down else frame[::-1]).tobytes() for frame in frames]
    more.setdefault("bits", 8 if depth == 8 else 16)
    head = setup(**more)
    blocks = struct.pack("<IHH", 8 + 12, 1007, 0) + bytes(12)
    if times is not None:
        stamps = np.asarray(times, "<u8").tobytes()
        blocks += struct.pack("<IHH", 8 + len(stamps), 1002, 0) + stamps
    at_setup = 44 + 40
    at_offsets = at_setup + len(head) + len(blocks)
    size = 8 + len(notes)
    begin = at_offsets + 8 * len(frames)
    offsets = begin + np.arange(len(frames)) * (size + len(pixels[0]))
    out = struct.pack(
        "<2sHHHiIiIIIIQ", b"CI", 44, compression, 1, -9, len(frames) + 9, -5, len(frames), 44,
        at_setup, at_offsets, 1700000000 * TICKS,
    )  # fmt: skip
    out += struct.pack(
        "<IiiHHIIiiII", 40, width, -height if top_down else height, 1, depth, packing,
        len(pixels[0]), 80000, 80000, 0, 2**12,
    )  # fmt: skip
    out += head + blocks + offsets.astype("<i8").tobytes()
    for frame in pixels[: 0 if head_only else None]:
        out += struct.pack("<I", size) + notes + struct.pack("<I", len(frame)) + frame
    path.write_bytes(out[: len(out) - missing])
    return path


CIH = {
    "Camera Type": "FASTCAM TEST",
    "Record Rate(fps)": "2200",
    "Shutter Speed(s)": "1/5000",
    "Original Total Frame": "1000",
    "Total Frame": "0",
    "Save Step": "1",
    "Image Width": "0",
    "Image Height": "0",
    "Color Type": "Mono",
    "Color Bit": "8",
    "File Format": "MRaw",
    "EffectiveBit Depth": "8",
    "EffectiveBit Side": "Lower",
    "Comment Text": "a : b",
}
CIHX = """<cih>
  <imageFileInfo><fileFormat>{File Format}</fileFormat></imageFileInfo>
  <imageDataInfo>
    <resolution><width>{Image Width}</width><height>{Image Height}</height></resolution>
    <colorInfo><type>{Color Type}</type><bit>{Color Bit}</bit></colorInfo>
    <effectiveBit><depth>{EffectiveBit Depth}</depth><side>{EffectiveBit Side}</side></effectiveBit>
  </imageDataInfo>
  <frameInfo><recordedFrame>{Original Total Frame}</recordedFrame>
    <totalFrame>{Total Frame}</totalFrame><skipFrame>{Save Step}</skipFrame></frameInfo>
  <recordInfo><recordRate>{Record Rate(fps)}</recordRate><shutterSpeed>5000</shutterSpeed>
    <shutterSpeedNsec>200000</shutterSpeedNsec></recordInfo>
  <deviceInfo><deviceName>{Camera Type}</deviceName></deviceInfo>
</cih>
"""


def photron(path, frames, *, depth=8, missing=0, **told):
    """Write a header, .cih or .cihx, and the .mraw beside it; `told` overrides what it says."""
    pixels = [pack12(frame) if depth in (12, 36) else frame.tobytes() for frame in frames]
    data = b"".join(pixels)
    path.with_suffix(".mraw").write_bytes(data[: len(data) - missing])
    says = CIH | {
        "Total Frame": len(frames), "Image Width": frames.shape[2],
        "Image Height": frames.shape[1], "Color Bit": depth,
        "EffectiveBit Depth": {8: 8, 24: 8}.get(depth, 12),
    } | told  # fmt: skip
    if path.suffix == ".cihx":
        head = b"!!! This file can not be edited. !!!" + bytes(320)
        path.write_bytes(head + CIHX.format_map(says).encode())
    else:
        lines = [f"{name} : {value}" for name, value in says.items()]
        lines.insert(1, "#Camera Information Header")
        path.write_bytes("\r\n".join([*lines, "END", ""]).encode())
    return path


def ser(path, frames, *, colour=0, depth=None, big=False, flag=0, times=None, told=None, missing=0):
    """Write a SER video; `flag` is what it says of the byte order, `big` what holds."""
    count, height, width = frames.shape[:3]
    head = struct.pack(
        "<14s7i40s40s40sqq", b"LUCAM-RECORDER", 0, colour, flag, width, height,
        depth or 8 * frames.dtype.itemsize, count if told is None else told, b"Who", b"A camera",
        b"What", 0, 0,
    )  # fmt: skip
    data = head + (frames.astype(">u2") if big else frames).tobytes()
    if times is not None:
        data += np.asarray(times, "<u8").tobytes()
    path.write_bytes(data[: len(data) - missing])
    return path


def fits(path, frames, *, unit=0, missing=0, **cards):
    """Write a FITS file; the cube lies in its first unit, or in the one after an empty one."""
    shape = [f"NAXIS{n} = {size}" for n, size in enumerate(frames.shape[::-1], 1)]
    depth, stored = 8 * frames.dtype.itemsize, frames
    if frames.dtype == np.uint16:
        cards = {"BZERO": 32768, "BSCALE": 1} | cards
        stored = (frames.astype(np.int32) - 32768).astype(">i2")
    elif depth > 8:
        stored = frames.astype(frames.dtype.newbyteorder(">"))
        depth *= -1 if frames.dtype.kind == "f" else 1
    told = [f"{name:8}= {value}" for name, value in cards.items()]
    body = stored.tobytes()
    first = ["SIMPLE  = T / conforms"] if not unit else ["XTENSION= 'IMAGE   '"]
    cube = [f"BITPIX  = {depth}", f"NAXIS   = {frames.ndim}", *shape, *told]
    data = b""
    if unit:
        data += _cards(["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"])
    data += _cards([*first, *cube]) + body + bytes(-len(body) % 2880)
    path.write_bytes(data[: len(data) - missing])
    return path


def _cards(lines):
    text = b"".join(line.encode().ljust(80) for line in [*lines, "END"])
    return text.ljust(-(-len(text) // 2880) * 2880)
