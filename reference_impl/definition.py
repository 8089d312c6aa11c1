"""The textbook sum, in plain Python. The oracle itself is held to it. This file imports nothing.

All four operations sum products over the same indices, those of the trilinear form

    T(x, W, G) = sum  x[n, y, x, i] * W[p, q, k, o] * G[n, h, w, o]
                 over  y = h * stride + p * dilation - top,  inside the image (and so for x, w, q and left),
                       o in group g,  i = g * (channels of a group) + k

Each operation is the derivative by one factor, and leaves that factor out. Arguments are arrays or nested lists
of Python integers (or Fractions), and results are nested lists. The kernel is not flipped.
"""


def pads(padding, size, kernel, stride, dilation):
    """Return the zeros (before, after) along one axis."""
    extent = 1 + (kernel - 1) * dilation
    if padding == "VALID":
        return 0, 0
    if padding == "FULL":
        return extent - 1, extent - 1
    if padding in ("SAME", "SAME_LOWER"):
        outputs = size // stride + (size % stride > 0)
        total = 0
        while size + total < (outputs - 1) * stride + extent:
            total += 1
        half = total // 2
        return (half, total - half) if padding == "SAME" else (total - half, half)
    before, after = padding
    return before, after


def output_size(size, kernel, stride, dilation, before, after):
    """Count the positions at which the whole dilated kernel lies in the padded input."""
    last_tap = (kernel - 1) * dilation
    return len([start for start in range(0, before + size + after, stride) if start + last_tap < before + size + after])


def _axis(padding, size, kernel, stride, dilation):
    """Return every (output position, tap, input position) of one axis that is in the image, and the output size."""
    before, after = pads(padding, size, kernel, stride, dilation)
    outputs = output_size(size, kernel, stride, dilation, before, after)
    touching = []
    for h in range(outputs):
        for p in range(kernel):
            y = h * stride + p * dilation - before
            if 0 <= y < size:
                touching.append((h, p, y))
    return touching, outputs


def _axes(input_sizes, filter_sizes, strides, padding, dilations):
    along_height, along_width = (padding, padding) if isinstance(padding, str) else padding
    return (
        _axis(along_height, input_sizes[1], filter_sizes[0], strides[0], dilations[0]),
        _axis(along_width, input_sizes[2], filter_sizes[1], strides[1], dilations[1]),
    )


def output_shape(input_sizes, filter_sizes, strides, padding, dilations, groups):
    (_, height), (_, width) = _axes(input_sizes, filter_sizes, strides, padding, dilations)
    return input_sizes[0], height, width, filter_sizes[3]


def _places(images, rows, columns):
    """Yield where an element of a window meets a tap: (n, h, w) of the output, (p, q), and (n, y, x) of the image."""
    for n in images:
        for h, p, y in rows:
            for w, q, x in columns:
                yield (n, h, w), (p, q), (n, y, x)


def _meeting(input_sizes, filter_sizes, strides, padding, dilations, groups):
    """Return all places, and the channels (i, k, o) that meet at each."""
    (rows, _), (columns, _) = _axes(input_sizes, filter_sizes, strides, padding, dilations)
    channels = _channels(filter_sizes, groups, range(filter_sizes[2]), range(filter_sizes[3]))
    return _places(range(input_sizes[0]), rows, columns), channels


def _channels(filter_sizes, groups, group_inputs, outputs):
    """Return (i, k, o) for each k of a group's inputs and each output channel o. Among all inputs, k is i."""
    return [(o // (filter_sizes[3] // groups) * filter_sizes[2] + k, k, o) for o in outputs for k in group_inputs]


def _zeros(shape):
    size, *rest = shape
    return [_zeros(rest) for _ in range(size)] if rest else [0] * size


def conv2d(input, filters, input_sizes, filter_sizes, strides, padding, dilations, groups):
    geometry = input_sizes, filter_sizes, strides, padding, dilations, groups
    output = _zeros(output_shape(*geometry))
    places, channels = _meeting(*geometry)
    for (n, h, w), (p, q), (_, y, x) in places:
        pixel, tap, sums = input[n][y][x], filters[p][q], output[n][h][w]
        for i, k, o in channels:
            sums[o] += pixel[i] * tap[k][o]
    return output


def conv2d_backprop_input(filters, out_backprop, input_sizes, filter_sizes, strides, padding, dilations, groups):
    input_backprop = _zeros(input_sizes)
    places, channels = _meeting(input_sizes, filter_sizes, strides, padding, dilations, groups)
    for (n, h, w), (p, q), (_, y, x) in places:
        sums, tap, cotangent = input_backprop[n][y][x], filters[p][q], out_backprop[n][h][w]
        for i, k, o in channels:
            sums[i] += tap[k][o] * cotangent[o]
    return input_backprop


def conv2d_backprop_filter(input, out_backprop, input_sizes, filter_sizes, strides, padding, dilations, groups):
    filter_backprop = _zeros(filter_sizes)
    places, channels = _meeting(input_sizes, filter_sizes, strides, padding, dilations, groups)
    for (n, h, w), (p, q), (_, y, x) in places:
        pixel, sums, cotangent = input[n][y][x], filter_backprop[p][q], out_backprop[n][h][w]
        for i, k, o in channels:
            sums[k][o] += pixel[i] * cotangent[o]
    return filter_backprop


def element(operation, index, first, second, input_sizes, filter_sizes, strides, padding, dilations, groups):
    """Return the element at `index` of an operation's answer. No other element is computed.

    `first` and `second` are functions that return an element of the operation's arrays at an index.
    """
    (rows, _), (columns, _) = _axes(input_sizes, filter_sizes, strides, padding, dilations)
    images, inputs, outputs = (list(range(size)) for size in (input_sizes[0], *filter_sizes[2:]))
    if operation == "conv2d":
        n, height, width, o = index
        images, outputs = [n], [o]
        rows = [(h, p, y) for h, p, y in rows if h == height]
        columns = [(w, q, x) for w, q, x in columns if w == width]
    elif operation == "conv2d_backprop_filter":
        height, width, k, o = index
        inputs, outputs = [k], [o]
        rows = [(h, p, y) for h, p, y in rows if p == height]
        columns = [(w, q, x) for w, q, x in columns if q == width]
    else:
        n, height, width, i = index
        group, k = i // filter_sizes[2], i % filter_sizes[2]
        images, inputs = [n], [k]
        outputs = [o for o in outputs if o // (filter_sizes[3] // groups) == group]
        rows = [(h, p, y) for h, p, y in rows if y == height]
        columns = [(w, q, x) for w, q, x in columns if x == width]
    channels = _channels(filter_sizes, groups, inputs, outputs)
    total = 0
    for position, tap, place in _places(images, rows, columns):
        for i, k, o in channels:
            x, w, g = (*place, i), (*tap, k, o), (*position, o)
            if operation == "conv2d":
                total += first(x) * second(w)
            elif operation == "conv2d_backprop_filter":
                total += first(x) * second(g)
            elif operation == "conv2d_backprop_input":
                total += first(w) * second(g)
            else:
                total += first(g) * second(w)
    return total


def conv2d_transpose(input, filters, output_shape, filter_sizes, strides, padding, dilations, groups):
    return conv2d_backprop_input(filters, input, output_shape, filter_sizes, strides, padding, dilations, groups)
