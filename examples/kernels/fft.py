"""By the convolution theorem, in the precision of the arguments (SciPy transforms float32 as complex64).

Not a plain sum: every output is made of the whole plane, so that its error is measured by planes.
"""

from __future__ import annotations

from scipy import fft

from reference_impl.conformance import Capabilities

from .by_conv2d_alone import ByConv2dAlone


class Fft(ByConv2dAlone):
    # A transform of 2**t numbers has an error of at most 6.7 t u in the 2-norm. There are three of them, and
    # 3 * 6.7 * 25 u = 16 * 16 eps. So the factor allows for planes of 2**25 numbers. For sizes that are no powers of
    # two it is tried, not proven.
    capabilities = Capabilities(
        planewise=True,
        unclaimed={"special_values": "a transform spreads NaN and infinity over the plane"},
        factor=16,
        citation="N. J. Higham, Accuracy and Stability of Numerical Algorithms, theorem 24.2, "
        "https://doi.org/10.1137/1.9780898718027",
    )

    def correlate(self, images, kernels):
        sizes = images.shape[1:3]
        outputs = [size - kernel + 1 for size, kernel in zip(sizes, kernels.shape)]
        if not images.size or not kernels.size:
            return super().correlate(images, kernels)
        spectrum = fft.rfft2(images, axes=(1, 2))
        # As long as the image: what wraps around lands behind the outputs that are kept.
        taps = fft.rfft2(kernels, sizes, axes=(0, 1)).conj()
        # (h w n i) by (h w i o)
        products = (spectrum.transpose(1, 2, 0, 3) @ taps).transpose(2, 0, 1, 3)
        result = fft.irfft2(products, sizes, axes=(1, 2))[:, : outputs[0], : outputs[1]]
        return result.astype(images.dtype, copy=False)
