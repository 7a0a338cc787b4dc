"""The interval of a proportion: an accuracy on few test rows, or the share of seeds on which one configuration wins."""

from math import isnan, nan, sqrt

from hpsearch.report.stats import LEVEL


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share of n (Wilson 1927): it stays within 0 and 1, and is right for few.

    The share may count ties as halves. Then it is wider than it must be, because a half varies less than 0 or 1.
    """
    from scipy.special import ndtri

    if isnan(share) or not n > 0:
        return nan, nan
    z = float(ndtri(1 - LEVEL / 2))
    centre = share + z * z / (2 * n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (centre - half) / (1 + z * z / n)), min(1.0, (centre + half) / (1 + z * z / n))
