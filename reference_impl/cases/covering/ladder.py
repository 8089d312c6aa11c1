"""A ladder of sizes: at the edges of blocks, and where counters of 11, 15, 16 and 24 bits overflow.

`ladder` is cheap. `long_ladder` needs some gigabytes and minutes. Each rung has a comment that says which edge it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..case import Case

Rung = tuple[Case, str]

_POWERS = (2, 4, 8, 16, 32, 64, 128, 256, 512)
# Whole blocks of 16, 32 and 64, an odd number of them.
_ODD_BLOCKS = (48, 80, 96, 112, 160, 192, 224, 320, 448)
_CHANNELS = sorted({1, *(p + step for p in _POWERS for step in (-1, 0, 1)), *_ODD_BLOCKS, 97, 193, 321, 519, 520})
_EDGES = (2**11, 2**15, 2**16)


def ladder() -> list[Rung]:
    """The rungs that are cheap: a few thousand multiply-adds most, and none above some millions."""
    return [(Case.parse(spec), comment) for spec, comment in (*_channels(), *_extents(), *_products(), *_batches())]


def long_ladder() -> list[Rung]:
    """The rungs around 2**24, and large layers at block edges."""
    return [(Case.parse(spec), comment) for spec, comment in _long()]


def _channels() -> Iterator[tuple[str, str]]:
    """Channels on tiny images, and in groups. One tap where the input channels are to be all terms of a sum."""
    kernels = ("h1w2c{}_k1x1o{}", "h2w1c{}_k2x1o{}", "h2w3c{}_k2x2o{}_SAME", "h3w2c{}_k3x2o{}_s2x1_p1,0,0,1")
    for number, count in enumerate(_CHANNELS):
        form, other = kernels[number % 4], 2 + number % 3
        yield f"n{1 + number % 2}_h{1 + number % 2}w2c{count}_k1x1o{other}", f"input channels: {count}"
        yield f"n{1 + number % 2}_" + form.format(other, count), f"output channels: {count}"
    for count in (15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 512, 513):
        stride = "_s2x1" if count % 2 else ""
        yield f"n1_h3w2c{count}_k2x1o{count}{stride}_g{count}", f"depthwise, {count} groups"
    for count in (32, 64, 128, 256):
        yield f"n1_h2w2c{count}_k2x1o{2 * count}_g{count}_SAME", f"depthwise with multiplier, {count} groups"
        yield f"n1_h2w2c{2 * count + 2}_k1x2o{count + 1}_g{count + 1}", f"{count + 1} groups of two to one"
    for count in (64, 65, 128, 129):
        yield f"n1_h1w1c{count}_k1x1o{count + 1}", f"{count} channels to {count + 1}"
        yield f"n3_h4w3c{count}_k2x2o3_s2x1", f"{count} input channels, strided"
        yield f"n2_h4w3c3_k2x2o{count}_d2x1", f"{count} output channels, dilated"


def _extents() -> Iterator[tuple[str, str]]:
    """One long axis, as height and as width, with padding, strides and dilations."""
    for edge in (2**8, *_EDGES):
        for size in (edge - 1, edge, edge + 1):
            yield f"n1_h1w{size}c2_k1x2o1", f"{size} columns"
            yield f"n1_h{size}w1c1_k3x1o2_s2x1_SAME", f"{size} rows, strided, SAME"
        yield f"n1_h2w{edge + 4}c2_k2x3o2", f"{edge} columns and a few"
        yield f"n1_h1w{edge}c1_k1x2o1_p0,0,1,0", f"{edge} columns and padding"
        yield f"n1_h{edge}w1c2_k2x1o1_s3x1_p1,2,0,0", f"{edge} rows and padding, strided"
    for size in (15, 16, 17, 31, 32, 33, 127, 128, 129):
        yield f"n1_h{size}w3c2_k{size}x2o2_p1,0,0,0", f"a kernel of {size} rows"
        yield f"n1_h2w{2 * size + 2}c1_k1x2o2_s1x{size}", f"stride {size}"
        yield f"n1_h{2 * size + 2}w2c1_k3x1o2_d{size}x1", f"dilation {size}"
        yield f"n1_h3w2c1_k2x2o2_p0,1,{size},0", f"{size} columns of padding"


def _products() -> Iterator[tuple[str, str]]:
    """Counts of elements around each edge: of positions, of an image, of outputs, of filters and of terms."""
    for height, width in ((31, 66), (32, 64), (33, 62), (217, 151), (128, 256), (99, 331), (255, 257), (256, 256)):
        yield f"n1_h{height}w{width}c1_k1x1o1", f"{height * width} positions"
        yield f"n2_h{height}w{width}c1_k2x2o1_s2x1_SAME", f"{height * width} positions in each of two images"
    for height, width in ((128, 256), (128, 257), (256, 257)):
        yield f"n1_h{height}w{width}c1_k1x1o2_p1,0,0,0", f"{(height + 1) * width} padded positions, two outputs each"
    for n, height, width, count in ((1, 16, 16, 8), (2, 16, 32, 33), (4, 32, 16, 32), (2, 64, 64, 9), (1, 64, 33, 31)):
        yield f"n{n}_h{height}w{width}c{count}_k1x1o1", f"{n * height * width * count} elements of input"
        yield f"n{n}_h{height}w{width}c1_k1x1o{count}", f"{n * height * width * count} elements of output"
    yield "n1_h128w256c96_k1x1o1", "96 channels of 32768 positions https://github.com/tracel-ai/cubek/issues/519"
    for inputs, outputs in ((32, 64), (33, 63), (127, 258), (181, 181), (182, 181), (255, 257), (256, 256), (257, 256)):
        yield f"n1_h1w1c{inputs}_k1x1o{outputs}", f"{inputs * outputs} elements of filters"
    for inputs in (227, 228, 910):
        yield f"n1_h3w3c{inputs}_k3x3o2", f"{9 * inputs} terms"
    for inputs in (2047, 2048, 2049, 32769, 65537):
        yield f"n1_h1w1c{inputs}_k1x1o1", f"{inputs} terms"


def _batches() -> Iterator[tuple[str, str]]:
    for batch in (31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1023, 1024, 1025):
        yield f"n{batch}_h3w2c2_k2x1o2_s{1 + batch % 2}x1", f"batch of {batch}"
    for batch in (32767, 32768, 32769, 65535, 65536):
        yield f"n{batch}_h1w1c1_k1x1o1", f"batch of {batch}"
    for batch in (65535, 65536, 65537):
        yield f"n{batch}_h2w1c1_k2x1o1_p1,0,0,0", f"batch of {batch}, padded"
        yield f"n{batch}_h1w2c2_k1x1o2_g2", f"depthwise, batch of {batch}"


def _long() -> Iterator[tuple[str, str]]:
    for height, width in ((4095, 4097), (4096, 4096), (4096, 4097)):
        yield f"n1_h{height}w{width}c1_k1x1o1", f"{height * width} positions"
        yield f"n1_h{height}w{width}c1_k2x2o1_s2x2_SAME", f"{height * width} positions, strided"
    yield "n65537_h16w16c1_k1x1o1", "65537 images, 2**24 elements and a few"
    yield "n257_h256w256c1_k1x1o1_s2x1", "257 images of 2**16 positions"
    yield "n1_h2w8388609c1_k1x1o1", "2**24 elements and two, in two rows"
    for inputs, outputs in ((4096, 4096), (4097, 4096), (4095, 4097)):
        yield f"n1_h1w1c{inputs}_k1x1o{outputs}", f"{inputs * outputs} elements of filters"
    for count in range(1, 521):
        yield f"n1_h2w2c{count}_k2x2o3_SAME", f"input channels: {count}"
        yield f"n1_h2w2c4_k2x2o{count}_s1x2_SAME", f"output channels: {count}"
    yield "n1_h65w64c97_k3x3o33_SAME", "block edges of a large layer"
    yield "n33_h17w31c65_k3x3o129_s2x1_p1,0,0,1", "block edges of a large layer, strided"
