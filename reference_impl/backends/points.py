"""Where adapters take derivatives of a bilinear function: so that a mistake in the product rule shows."""

# A bilinear f has the derivative f(a, q) + f(p, b) at (p, q) along (a, b): at p = 4 a and q = -2 b that is 2 f(a, b),
# and neither term alone, nor f(a, b) or f(p, q) in its place, is. Powers of two keep it exact.
POINTS = (4, -2)

# Of such routes.
UNCLAIMED = {"special_values": "sums each product twice, with either sign: infinity less infinity is NaN"}
