"""One self-contained HTML page: tables, curves, and the source of the PyTorch peers."""

import html
import math

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --line: #d1d9e0; --paper: #fff; --a: #0969da;
  --b: #bc4c00; --good: #1a7f37; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --line: #3d444d; --paper: #0d1117;
  --a: #4493f8; --b: #f0883e; --good: #3fb950; --bad: #f85149; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 82rem;
  margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2.2rem 0 .3rem; font-size: 1.15rem; } p, dd { color: var(--dim); margin: .2rem 0 .6rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--dim); font-weight: 600; } td.text, th.text { text-align: left; }
.yes { color: var(--good); } .no { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .8rem; font-size: 13px; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--dim); font: 12px system-ui, sans-serif; }
"""


def is_number(cell):
    return cell[:1].isdigit() or cell == "-"


def cell_html(tag, cell, text):
    kind = " class=text" if text else f" class={cell}" if cell in ("yes", "no") else ""
    return f"<{tag}{kind}>{html.escape(cell)}</{tag}>"


def table_html(table):
    text = [not all(is_number(row[i]) or row[i] in ("yes", "no") for row in table["rows"])
            for i in range(len(table["columns"]))]
    head = "".join(cell_html("th", name, left) for name, left in zip(table["columns"], text))
    body = "".join("<tr>" + "".join(cell_html("td", cell, left) for cell, left in zip(row, text)) + "</tr>\n"
                   for row in table["rows"])
    return (f"<h2>{html.escape(table['title'])}</h2>\n<p>{html.escape(table['note'])}</p>\n"
            f"<div class=wide><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n")


def round_up(x):
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(x))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= x)


def curves(series, x_label, y_label):
    """`series`: {name: [(x, y)]}; x is drawn on a scale of powers of two, y from 0."""
    left, top, width, height = 60, 20, 720, 260
    xs = [math.log2(x) for points in series.values() for x, _ in points]
    highest = round_up(max(y for points in series.values() for _, y in points))
    span = max(max(xs) - min(xs), 1.0)
    at_x = lambda x: left + width * (math.log2(x) - min(xs)) / span
    at_y = lambda y: top + height * (1 - y / highest)
    parts = [f'<svg viewBox="0 0 {left + width + 130} {top + height + 50}" role="img">']
    for k in range(5):
        y = highest * k / 4
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{at_y(y):.1f}" y2="{at_y(y):.1f}" '
                     'stroke="var(--line)"/>'
                     f'<text x="{left - 8}" y="{at_y(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for e in range(math.ceil(min(xs)), math.floor(max(xs)) + 1, 2):
        parts.append(f'<text x="{at_x(2 ** e):.1f}" y="{top + height + 18}" text-anchor="middle">2^{e}</text>')
    for (name, points), colour in zip(series.items(), ("var(--a)", "var(--b)", "var(--ink)", "var(--good)")):
        path = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        x, y = points[-1]
        parts.append(f'<text x="{at_x(x) + 8:.1f}" y="{at_y(y) + 4:.1f}">{html.escape(name)}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{top + height + 40}" text-anchor="middle">{x_label}</text>')
    parts.append(f'<text x="{left}" y="12" text-anchor="start">{y_label}</text></svg>')
    return "\n".join(parts) + "\n"


def bars(values, unit):
    """`values`: [(name, x)], horizontal."""
    left, width, step = 290, 480, 24
    longest = max(x for _, x in values)
    parts = [f'<svg viewBox="0 0 {left + width + 90} {step * len(values) + 8}" role="img">']
    for k, (name, x) in enumerate(values):
        y, length = step * k + 4, width * x / longest
        parts.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{html.escape(name)}</text>'
                     f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{step - 6}" fill="var(--a)"/>'
                     f'<text x="{left + length + 6:.1f}" y="{y + 14}">{x:.3g}{unit}</text>')
    return "\n".join(parts) + "</svg>\n"


MARKS = {"cppo": "var(--a)", "eager": "var(--b)", "compile": "var(--good)"}
ON_DECADES = (1, 2, 5)


def mark(who, x, y):
    """Each has a shape of its own, for those who do not see colours."""
    colour = MARKS[who]
    if who == "cppo":
        return f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>'
    if who == "eager":
        return f'<rect x="{x - 4:.1f}" y="{y - 4}" width="8" height="8" fill="{colour}"/>'
    return f'<path d="M{x:.1f} {y - 5} l5 9 h-10 z" fill="{colour}"/>'


def beside(points, label):
    """`points`: [(name, {who: x})], a line for each, on a logarithmic scale."""
    left, top, width, step = 230, 46, 620, 20
    every = [x for _, found in points for x in found.values()]
    lowest, highest = math.log10(min(every)) - 0.05, math.log10(max(every)) + 0.05
    at_x = lambda x: left + width * (math.log10(x) - lowest) / (highest - lowest)
    bottom = top + step * len(points)
    parts = [f'<svg viewBox="0 0 {left + width + 30} {bottom + 26}" role="img">']
    for k, who in enumerate(MARKS):
        parts.append(f'{mark(who, left + 120 * k, 12)}<text x="{left + 120 * k + 10}" y="16">{who}</text>')
    ticks = [m * 10.0 ** e for e in range(math.floor(lowest), math.ceil(highest) + 1) for m in ON_DECADES]
    for x in (x for x in ticks if lowest <= math.log10(x) <= highest):
        parts.append(f'<line x1="{at_x(x):.1f}" x2="{at_x(x):.1f}" y1="{top - 8}" y2="{bottom}" stroke="var(--line)"/>'
                     f'<text x="{at_x(x):.1f}" y="{top - 12}" text-anchor="middle">{x:g}</text>')
    for k, (name, found) in enumerate(points):
        y = top + step * k + step // 2
        ends = at_x(min(found.values())), at_x(max(found.values()))
        parts.append(f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{html.escape(name)}</text>'
                     f'<line x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y}" y2="{y}" stroke="var(--dim)"/>')
        parts += [mark(who, at_x(x), y) for who, x in found.items()]
    parts.append(f'<text x="{left + width / 2}" y="{bottom + 20}" text-anchor="middle">{label}</text></svg>')
    return "\n".join(parts) + "\n"


def page(facts, tables, figures, notes, sources):
    """`figures`: {title of the table it follows: svg}; `notes`: what was left out, and warnings; `sources`: {file of
    the PyTorch peers: its text}."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8>",
             '<meta name=viewport content="width=device-width, initial-scale=1">',
             f"<title>cppo: benchmarks</title><style>{STYLE}</style>\n<h1>cppo: benchmarks</h1>\n<dl>"]
    parts += [f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in facts.items()]
    parts.append("</dl>\n")
    if notes:
        parts.append("<h2>Notes</h2>\n<ul>" + "".join(f"<li>{html.escape(note)}</li>" for note in notes) + "</ul>\n")
    for table in tables:
        parts.append(table_html(table))
        parts.append(figures.get(table["title"], ""))
    parts.append("<h2>The PyTorch code that was measured</h2>\n")
    parts += [f"<p>{html.escape(name)}</p>\n<pre>{html.escape(text)}</pre>\n" for name, text in sources.items()]
    parts.append("</html>\n")
    return "".join(parts)
