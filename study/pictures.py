"""Pictures as SVG: intervals in rows, and panels of curves or points. The same numbers give the same bytes."""

import html
import math

INK, DIM, LINE = "#222", "#555", "#ddd"
# Colours that differ in brightness too, and a dash for each, for those who do not see colours.
COLOURS = ("#0b4f9e", "#d1660f", "#2b8a3e", "#8c2fa8", "#111", "#b3261e", "#0a8a8a", "#7a6a00", "#5b5b9e", "#a8476f",
           "#4f7a28", "#8a4b20", "#777", "#2f6f8f")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 3")


def plus(x, form=".3f"):
    """With its sign."""
    return f"{x:+{form}}".replace("-", "−")


def opened(width, height):
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            'font-family="sans-serif" font-size="12">', f'<rect width="{width}" height="{height}" fill="white"/>']


def text(x, y, words, anchor="start", colour=DIM, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}">'
            f'{html.escape(words)}</text>')


def line(x0, y0, x1, y1, colour=LINE, width=1.0):
    return (f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" '
            f'stroke-width="{width:g}"/>')


def step_of(span, parts=5):
    """1, 2 or 5 times a power of ten, so that about `parts` of it make the span."""
    power = 10.0 ** math.floor(math.log10(span / parts))
    return next(k * power for k in (1, 2, 5, 10) if k * power * parts >= span * 0.999)


def ticks(low, high):
    step = step_of(high - low)
    return [round(k * step, 10) for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def intervals(title, rows, band):
    """`rows`: [(heading or "", label, mean, (low, high), (low, high) wider)]; `band`: what is too small to matter."""
    left, width, step, top = 250, 460, 22, 58
    ends = [abs(x) for _, _, _, _, wide in rows for x in wide if math.isfinite(x)] + [2 * band]
    most = max(ends) * 1.08
    at = lambda x: left + width * (max(-most, min(most, x)) + most) / (2 * most)
    bottom = top + step * (len(rows) + sum(1 for row in rows if row[0]))
    parts = opened(left + width + 90, bottom + 44) + [text(12, 24, title, colour=INK, weight="bold")]
    parts.append(f'<rect x="{at(-band):.1f}" y="{top - 14}" width="{at(band) - at(-band):.1f}" '
                 f'height="{bottom - top + 14}" fill="#f2f2f2"/>')
    for x in ticks(-most, most):
        parts += [line(at(x), top - 14, at(x), bottom, INK if x == 0 else LINE),
                  text(at(x), bottom + 16, plus(x, "g") if x else "0", "middle")]
    y = top
    for heading, label, mean, near, wide in rows:
        if heading:
            parts.append(text(12, y + 4, heading, colour=INK, weight="bold"))
            y += step
        parts += [text(left - 10, y + 4, label, "end"), line(at(wide[0]), y, at(wide[1]), y, COLOURS[0]),
                  line(at(near[0]), y, at(near[1]), y, COLOURS[0], 5),
                  f'<circle cx="{at(mean):.1f}" cy="{y}" r="4.5" fill="white" stroke="{COLOURS[0]}" stroke-width="2"/>',
                  text(left + width + 8, y + 4, plus(mean))]
        y += step
    parts.append(text(left + width / 2, bottom + 36, "difference of success; grey: too small to matter", "middle"))
    return "\n".join(parts) + "\n</svg>\n"


def scale(values, logarithmic):
    """(a function from a value to 0..1, the ticks)."""
    low, high = min(values), max(values)
    if logarithmic:
        low, high = math.log10(low), math.log10(high)
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    if not logarithmic:
        return (lambda x: (x - low) / (high - low)), ticks(low, high)
    marks = [10.0 ** e for e in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    return (lambda x: (math.log10(x) - low) / (high - low)), marks


def panel(parts, left, top, width, height, title, series, colours, places, joined):
    (at_x, x_ticks), (at_y, y_ticks) = places
    to_x, to_y = (lambda x: left + width * at_x(x)), (lambda y: top + height * (1 - at_y(y)))
    parts.append(text(left, top - 8, title, colour=INK, weight="bold"))
    for y in y_ticks:
        parts += [line(left, to_y(y), left + width, to_y(y)), text(left - 6, to_y(y) + 4, f"{y:g}", "end")]
    parts += [text(to_x(x), top + height + 16, f"{x:g}", "middle") for x in x_ticks]
    for name, points in series.items():
        colour, dash = colours[name]
        if joined:
            path = " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
                         f'stroke-dasharray="{dash}"/>')
        parts += [f'<circle cx="{to_x(x):.1f}" cy="{to_y(y):.1f}" r="{2.5 if joined else 3.5}" fill="{colour}" '
                  f'fill-opacity="0.8"/>' for x, y in points]


def panels(title, tasks, x_label, y_label, logarithmic=False, joined=True):
    """A panel for each of `tasks`: {name: {series: [(x, y)]}}, on the same axes, with one legend."""
    width, height, gap, top = 250, 220, 56, 64
    names = list(dict.fromkeys(name for series in tasks.values() for name in series))
    every = [p for series in tasks.values() for points in series.values() for p in points]
    if not every:
        return ""
    highest = max(y for _, y in every)
    step = step_of(highest or 1.0)
    right = max(x for x, _ in every) * (1 if logarithmic else 1.02)  # the last point is seen whole
    places = (scale([right, *(x for x, _ in every)], logarithmic),
              scale([0.0, step * math.ceil((highest or 1.0) / step - 1e-9)], logarithmic=False))
    rows = math.ceil(len(names) / 5)
    whole = gap + (width + gap) * len(tasks)
    parts = opened(max(whole, gap + 132 * min(len(names), 5) + 20), top + height + 50 + 20 * rows)
    parts.append(text(12, 24, f"{title}: {y_label}", colour=INK, weight="bold"))
    colours = {name: (COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]) for i, name in enumerate(names)}
    for k, (task, series) in enumerate(tasks.items()):
        panel(parts, gap + k * (width + gap), top, width, height, task, series, colours, places, joined)
    parts.append(text(gap + (whole - 2 * gap) / 2, top + height + 34, x_label, "middle"))
    for i, name in enumerate(names):
        x, y = gap + 132 * (i % 5), top + height + 52 + 20 * (i // 5)
        colour, dash = colours[name]
        parts.append(f'<line x1="{x - 6}" y1="{y - 4}" x2="{x + 14}" y2="{y - 4}" stroke="{colour}" stroke-width="3" '
                     f'stroke-dasharray="{dash}"/>' if joined else
                     f'<circle cx="{x + 8}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(text(x + 20, y, name))
    return "\n".join(parts) + "\n</svg>\n"
