"""What numbers of a few seeds say: paired intervals, their correction for many, the size of an effect, power."""

import dataclasses
import functools
import math
import operator
import random
from statistics import NormalDist

from matching import mean


def deviation(values):
    """Of a sample; 0 for one value."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    return math.sqrt(math.fsum((x - centre) ** 2 for x in values) / (len(values) - 1))


@dataclasses.dataclass(frozen=True)
class Difference:
    """A mean of paired differences: its interval alone, one that holds together with others, and its p-value."""
    seeds: int
    mean: float
    low: float
    high: float
    low_together: float
    high_together: float
    p: float
    effect: float  # mean over standard deviation of the differences, with Hedges' correction for few seeds


@functools.lru_cache(maxsize=8)
def draws(n, resamples, seed):
    """Functions that take a resample of n values; the same for all comparisons of n seeds."""
    draw = random.Random(seed)
    return [operator.itemgetter(*draw.choices(range(n), k=n)) for _ in range(resamples)]


def resampled_t(values, resamples, seed):
    """Studentized means of resamples, about the mean, sorted. Those without any spread are left out."""
    n, centre = len(values), mean(values)
    apart = [x - centre for x in values]
    squares = [x * x for x in apart]
    found, least = [], 1e-12 * sum(squares)
    for take in draws(n, resamples, seed):
        middle = sum(take(apart)) / n
        spread = sum(take(squares)) - n * middle * middle
        if spread > least:
            found.append(middle / math.sqrt(spread / (n - 1) / n))
    return sorted(found)


def quantile(ordered, share):
    """Linear between the ordered values."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def difference(values, level, comparisons, resamples, seed=1):
    """A bootstrap of paired differences over seeds; the resamples depend on nothing but the numbers given.

    The interval is the bootstrap-t: better than percentiles at twenty seeds. The one that holds together with those of
    other comparisons has the level divided by their number. p is the share of resamples further from their centre than
    0 is from the mean, and at least one in all of them.
    """
    centre, spread = mean(values), deviation(values)
    n, error = len(values), spread / math.sqrt(len(values))
    if n < 2 or error < 1e-12:
        p = 1.0 if centre == 0.0 or n < 2 else 1.0 / (resamples + 1)
        return Difference(n, centre, centre, centre, centre, centre, p, 0.0)
    t = resampled_t(values, resamples, seed)
    ends = [centre - quantile(t, share) * error
            for part in (level, level / comparisons) for share in (1 - part / 2, part / 2)]
    further = sum(1 for x in t if abs(x) >= abs(centre) / error)
    p = (1 + further) / (1 + len(t))
    return Difference(n, centre, *ends, p, centre / spread * (1 - 3 / (4 * (n - 1) - 1)))


def holm(p_values):
    """Holm's adjusted p-values, in the order given: at most one of all true hypotheses below the level is rejected."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def verdict(found, adjusted, level, smallest):
    """`smallest`: the least difference that matters."""
    if found.high_together < smallest and found.low_together > -smallest:
        return "does not matter"
    if adjusted <= level:
        return "helps" if found.mean > 0 else "harms"
    return "does not help" if found.high_together < smallest else "cannot be told"


def answer(verdicts):
    """One word for a question, from the verdicts of all its comparisons."""
    if "helps" in verdicts:
        return "helps on some and harms on others" if "harms" in verdicts else "helps"
    if "harms" in verdicts:
        return "harms"
    return "does not help" if all(v in ("does not matter", "does not help") for v in verdicts) else "cannot be told"


def quantiles_of_power(level, comparisons, power):
    normal = NormalDist()
    return normal.inv_cdf(1 - level / comparisons / 2) + normal.inv_cdf(power)


def detectable(spread, seeds, level, comparisons, power):
    """The true difference that is found with the power given; `spread`: deviation of paired differences."""
    return quantiles_of_power(level, comparisons, power) * spread / math.sqrt(seeds)


def seeds_needed(spread, true_difference, level, comparisons, power):
    return max(2, math.ceil((quantiles_of_power(level, comparisons, power) * spread / true_difference) ** 2))
