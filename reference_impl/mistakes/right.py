"""Right behaviour, said once for each kind of mistake.

A mistake whose right behaviour no other mistake shares says it in its own definition.
"""

# Padding

SAME_TOTAL = (
    "TensorFlow and this oracle pad height and width each by its own size, stride and dilation, and no further than "
    "the last window reaches. In all they add max((ceil(size / stride) - 1) * stride + extent - size, 0) zeros, where "
    "extent = (kernel - 1) * dilation + 1."
)
SAME_SPLIT = (
    "TensorFlow and this oracle put half of SAME's zeros on each side, and the odd element after; their number depends "
    "on the stride and the image. Under SAME_LOWER, ONNX and this oracle put the odd element before."
)
SAME_SIZE = (
    "Under SAME, TensorFlow and this oracle give ceil(size / stride) outputs along each axis, and pad just enough for "
    "that."
)
FULL = "This oracle's FULL adds the dilated kernel's extent less one on both sides."
EXPLICIT = "TensorFlow and this oracle read explicit padding as ((top, bottom), (left, right)), and add these zeros."
PADDED = "TensorFlow and this oracle pad both axes before they place the windows."
ZEROS = "TensorFlow and this oracle pad with zeros."
CUT_OFF = (
    "TensorFlow and this oracle drop what falls on the padding: on each side they cut off what the forward convolution "
    "pads there. Under SAME they cut the odd element off after."
)

# Strides and dilations

HEIGHT_FIRST = "TensorFlow and this oracle take the height's stride and dilation first, and then the width's."
OWN_STRIDE = "TensorFlow and this oracle stride both axes, each by its own stride."
WINDOWS = (
    "In TensorFlow and this oracle the first window starts where the padded image starts, and another one starts every "
    "stride. Positions between windows, or after the last one, are left out."
)
DILATION = (
    "TensorFlow and this oracle spread the kernel's taps by the dilation. They pad and size by the extent that the "
    "taps then span, (kernel - 1) * dilation + 1."
)
DILATION_FROM_1 = "TensorFlow and this oracle count the dilation from 1, and 1 is none."
STRIDE_OR_DILATION = "TensorFlow and this oracle move the window by the stride, and space its taps by the dilation."
IN_POSITIONS = "TensorFlow and this oracle count padding, stride and dilation in input positions."
FILTER_GRADIENT_READS = (
    "In TensorFlow and this oracle the filter gradient reads what the forward convolution read, with the same padding, "
    "stride and dilation."
)
INPUT_GRADIENT_ADDS = (
    "In TensorFlow and this oracle the input gradient adds to the positions that the forward convolution's taps read, "
    "and to no others. Its stride, dilation and groups do not affect each other."
)

# Flips and axes

CROSS_CORRELATION = (
    "TensorFlow and this oracle compute cross-correlation, which flips nothing: the kernel's first tap, at the top "
    "left, meets the first element of each window."
)
ORIENTATION = (
    "In TensorFlow and this oracle the cotangent lies as the output does, and the result as the image does: row 0 is "
    "the top, and column 0 the left."
)
HWIO = "In TensorFlow and this oracle filters are HWIO: (height, width, input channels, output channels)."
NHWC = "In TensorFlow and this oracle images, cotangents and results are NHWC: (batch, height, width, channels)."
CHANNEL_ORDER = "TensorFlow and this oracle keep the order of the channels."
GROUPS = (
    "In TensorFlow and this oracle groups are blocks of neighbouring channels, in order. Each block of inputs has "
    "filters of its own, and makes one block of outputs."
)

# Sizes and sums

INPUT_SIZE = (
    "In TensorFlow and this oracle the input gradient has the size that is asked for, the input's, and is zero where "
    "no window reads."
)
INPUT_SUM = (
    "In TensorFlow and this oracle each position of the input gradient is the sum of what every window that reaches it "
    "adds, and zero where none does."
)
OUTPUT_SIZE = (
    "TensorFlow and this oracle pad, and then round down: the output has "
    "floor((padded size - kernel extent) / stride) + 1 rows, and likewise columns."
)
SUM = "TensorFlow and this oracle sum, and divide by nothing."
EACH_ONCE = "TensorFlow and this oracle add each product once, and leave nothing out."
EMPTY_SUM = "In this oracle a sum of nothing is zero, for every element of the result."

# Values

COTANGENT = "TensorFlow and this oracle multiply by the cotangent, at each position by its own value."
ALL_BITS = "TensorFlow on a CPU and this oracle use all bits of their arguments."
WIDE_SUMS = "TensorFlow and this oracle accumulate in float32 or wider."
INTEGER_SUMS = "This oracle sums integers exactly, over the whole range of int64."
AS_SUMMED = "TensorFlow and this oracle return the sums as they are, and neither scale nor clip them."
NOT_FINITE = (
    "In this oracle a sum that reads a NaN is NaN, infinity stays infinite, and 0 times infinity or NaN is NaN."
)

# Behaviour

OWN_MEMORY = "TensorFlow and this oracle only read their arguments, and answer in memory of their own."
COMPUTED_ANEW = "TensorFlow and this oracle compute each answer anew, from the arguments of that call."
ANSWER_DTYPE = "TensorFlow answers in the dtype of its arguments."
ARRAY = "TensorFlow and this oracle answer an array, and it has four axes."
ANY_SIZE = (
    "TensorFlow and this oracle take any number of images and channels, any stride, and images and kernels of any "
    "size, square or not."
)
MEMORY_STRIDES = "TensorFlow and this oracle follow the strides of each array in memory, positive or negative."

# State

OPTIONS_OF_THE_CALL = "TensorFlow and this oracle use the strides, padding and dilations of each call."
