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


def _products(input_sizes, filter_sizes, strides, padding, dilations, groups, operation=None, index=None):
    """Yield the indices of x, W and G in each product of the trilinear form.

    With an operation and an index, only in those that the element of its answer at the index sums.
    """
    (rows, _), (columns, _) = _axes(input_sizes, filter_sizes, strides, padding, dilations)
    _, _, group_inputs, output_channels = filter_sizes
    images, filters, inputs = list(range(input_sizes[0])), list(range(output_channels)), list(range(group_inputs))
    if operation == "conv2d":
        n, height, width, o = index
        images, filters = [n], [o]
        rows = [(h, p, y) for h, p, y in rows if h == height]
        columns = [(w, q, x) for w, q, x in columns if w == width]
    elif operation == "conv2d_backprop_filter":
        height, width, k, o = index
        filters, inputs = [o], [k]
        rows = [(h, p, y) for h, p, y in rows if p == height]
        columns = [(w, q, x) for w, q, x in columns if q == width]
    elif operation is not None:
        n, height, width, i = index
        group, k = i // group_inputs, i % group_inputs
        images, inputs = [n], [k]
        filters = [o for o in filters if o // (output_channels // groups) == group]
        rows = [(h, p, y) for h, p, y in rows if y == height]
        columns = [(w, q, x) for w, q, x in columns if x == width]
    for n in images:
        for h, p, y in rows:
            for w, q, x in columns:
                for o in filters:
                    group = o // (output_channels // groups)
                    for k in inputs:
                        yield (n, y, x, group * group_inputs + k), (p, q, k, o), (n, h, w, o)


def _zeros(shape):
    return [_zeros(shape[1:]) for _ in range(shape[0])] if shape else 0


def _at(array, index):
    a, b, c, d = index
    return array[a][b][c][d]


def _add(array, index, value):
    a, b, c, d = index
    array[a][b][c][d] += value


def conv2d(input, filters, input_sizes, filter_sizes, strides, padding, dilations, groups):
    geometry = input_sizes, filter_sizes, strides, padding, dilations, groups
    output = _zeros(output_shape(*geometry))
    for x, w, g in _products(*geometry):
        _add(output, g, _at(input, x) * _at(filters, w))
    return output


def conv2d_backprop_input(filters, out_backprop, input_sizes, filter_sizes, strides, padding, dilations, groups):
    input_backprop = _zeros(input_sizes)
    for x, w, g in _products(input_sizes, filter_sizes, strides, padding, dilations, groups):
        _add(input_backprop, x, _at(filters, w) * _at(out_backprop, g))
    return input_backprop


def conv2d_backprop_filter(input, out_backprop, input_sizes, filter_sizes, strides, padding, dilations, groups):
    filter_backprop = _zeros(filter_sizes)
    for x, w, g in _products(input_sizes, filter_sizes, strides, padding, dilations, groups):
        _add(filter_backprop, w, _at(input, x) * _at(out_backprop, g))
    return filter_backprop


def element(operation, index, first, second, input_sizes, filter_sizes, strides, padding, dilations, groups):
    """Return one element of an operation's answer, the one at `index`.

    `first` and `second` are functions that return an element of the operation's arrays at an index.
    """
    total = 0
    for x, w, g in _products(input_sizes, filter_sizes, strides, padding, dilations, groups, operation, index):
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
