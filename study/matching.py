"""How a strength is chosen from the runs of a grid."""

import math


def mean(values):
    values = list(values)
    return math.fsum(values) / len(values)


def best(points, quantity):
    """The strength with the highest mean; of equals the smallest. `points`: [(strength, results)]."""
    return min(points, key=lambda point: (-mean(r[quantity] for r in point[1]), point[0]))[0]


def strength_at(curve, wanted, near):
    """(strength, reached): where a curve [(strength, value)] takes a value.

    The curve is linear in the logarithm of the strength between its points. Where it takes the value several times, the
    place nearest to `near`, by ratio, is meant. Where it never does, the point with the closest value stands in, and
    `reached` is False.
    """
    places = [s for s, value in curve if value == wanted]
    for (s0, y0), (s1, y1) in zip(curve, curve[1:]):
        if min(y0, y1) < wanted < max(y0, y1):
            part = (wanted - y0) / (y1 - y0)
            places.append(math.exp(math.log(s0) + part * (math.log(s1) - math.log(s0))))
    if places:
        return min(places, key=lambda s: (abs(math.log(s / near)), s)), True
    return min(curve, key=lambda point: (abs(point[1] - wanted), point[0]))[0], False
