"""Logarithm and halving from plain arithmetic, so that they give the same bits on every machine.

The C library's `log` and `pow` may differ in their last bit from one system to the next; additions, multiplications,
divisions and square roots of floats may not. Sums of floats are made with `math.fsum`, which rounds once: the built-in
`sum` adds floats differently from one Python version to the next.
"""

import math

LN_2 = 0.6931471805599453
ROOT_HALF = 0.7071067811865476
LOG_TERMS = 13
"""Odd powers of z = (m - 1) / (m + 1), |z| < 0.172: what is left out is below 1e-21 of the logarithm."""
EXP_TERMS = 20
"""Powers of t < 0.694: what is left out is below 1e-22."""
HALVINGS_MAX = 1100
"""Half to a larger power is 0 as a float."""


def log(x: float) -> float:
    """The natural logarithm of a finite number above 0.

    Raises:
        ValueError: `x` is not such a number.
    """
    if not 0.0 < x < math.inf:
        msg = f"no logarithm of {x}"
        raise ValueError(msg)
    mantissa, exponent = math.frexp(x)
    if mantissa < ROOT_HALF:
        mantissa, exponent = 2.0 * mantissa, exponent - 1
    z = (mantissa - 1.0) / (mantissa + 1.0)
    square, series = z * z, 0.0
    for k in range(2 * LOG_TERMS - 1, 0, -2):
        series = series * square + 1.0 / k
    return exponent * LN_2 + 2.0 * z * series


def halved(times: float) -> float:
    """Half to the power of `times` >= 0: what is left of a weight after so many half-lives."""
    if times > HALVINGS_MAX:
        return 0.0
    whole = math.floor(times)
    t, series = (times - whole) * LN_2, 1.0
    for k in range(EXP_TERMS, 0, -1):
        series = 1.0 - t / k * series
    return math.ldexp(series, -whole)


def atanh(r: float) -> float:
    """Fisher's z of a correlation strictly between -1 and 1."""
    return 0.5 * (log(1.0 + r) - log(1.0 - r))
