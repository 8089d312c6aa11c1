"""The numbers of the worked example "im2col by hand", as printed there, or corrected where the print was wrong."""

IMAGE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
KERNEL = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
OUTPUT = [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
TRUE_CONVOLUTION = [[18, 20, 19], [10, 9, 17], [11, 8, 14]]
TRANSPOSED = [
    [0, 12, 36, 41, 34],
    [24, 58, 95, 87, 38],
    [20, 75, 132, 105, 62],
    [18, 40, 77, 81, 38],
    [0, 9, 24, 26, 28],
]
# Of the sum of OUTPUT, and of the sum of TRANSPOSED (under SAME: where 3x3 gives 3x3), by the kernel.
BY_KERNEL = [[15, 15, 15], [9, 11, 16], [10, 7, 12]]
TRANSPOSED_BY_KERNEL = [[116] * 3] * 3
TRANSPOSED_BY_KERNEL_SAME = [[56, 75, 42], [85, 116, 66], [65, 87, 51]]
