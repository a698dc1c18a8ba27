"""An audit as one page: no script, no other file, readable in light and dark, at any width."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from html import escape
from typing import Any, Optional

from .as_text import CAUSE, RANKED, is_soft, number, percent, token_text
from .plot import Plot, round_up, ticks

STYLE = pathlib.Path(__file__).with_name("style.css")
_CLASS = {"masked_ratio": "own", "masked_divergence": "own", "masked_budget": "budget", "masked_response": "whole",
          "masked_other": "other"}
"""The colour of a cause."""
_IN_WORDS = {"masked_ratio": "the ratio is outside its interval", "masked_divergence": "w D is beyond its threshold",
             "masked_budget": "the prefix is over its budget", "masked_response": "the whole response",
             "masked_other": "another clause"}
_KEYS = {"own": "by a threshold on the token", "budget": "by the prefix budget alone",
         "whole": "with the whole response", "other": "by another clause"}
_HATCH = ('<svg class="defs" width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" '
          'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
          '<rect class="hatch-ground" width="6" height="6"/><path class="hatch-line" d="M0 0V6"/></pattern></defs>'
          "</svg>")
_MOST_SLOTS = 3000
_MOST_ROWS = 200
_CURVES = 6


def page_of(data: dict[str, Any]) -> str:
    """The whole page."""
    sections = [_masked(data), _positions(data), *_sweeps(data), _drift(data), _agreement(data), _worst(data),
                _tables(data)]
    title = escape(_name(data))
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
            f"<title>Audit of {title}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>{_HATCH}"
            f"<main>{_head(data)}{''.join(s for s in sections if s)}</main></body></html>\n")


def _name(data: dict[str, Any]) -> str:
    names = [pathlib.PurePath(f).name for f in data["files"]]
    return names[0] if len(names) == 1 else f"{len(names)} files, {names[0]} to {names[-1]}"


def _thousands(n: int) -> str:
    return f"{n:,}".replace(",", "&#8239;")


def _section(title: str, lead: str, body: str) -> str:
    return f'\n<section><h2>{title}</h2><p class="lead">{lead}</p>{body}</section>'


def _head(data: dict[str, Any]) -> str:
    regions = len(data["regions"])
    judge = "one trust region masks" if regions == 1 else f"each of {regions} trust regions masks"
    out = (f'<div class="brand">cppo audit</div><h1>What would be masked?</h1><p class="lede">'
           f"{_thousands(data['responses'])} responses of {_thousands(data['tokens'])} tokens in "
           f"{escape(_name(data))} ({escape(data['format'])}), and what {judge} of them.</p>")
    out += "".join(f'<p class="aside">{escape(n)}.</p>' for n in data["notes"])
    if data["bad_tokens"]:
        out += (f'<p class="finding"><b>Bad input</b>{_thousands(data["bad_tokens"])} tokens, and '
                f'{_thousands(data["rejected_responses"])} responses left out because of it. The first: '
                f"{escape(data['first_bad_input'])}</p>")
    for f in data["findings"]:
        about = f' under {f["region"]}' if f["region"] else ""
        out += (f'<p class="finding"><b>{escape(f["name"] + about)}</b>{escape(f["sentence"])} <small>'
                f'{_thousands(f["tokens"])} tokens, in {f["chunks"]} of {data["chunks"]} chunks</small></p>')
    return out if data["findings"] else out + '<p class="aside">Diagnose found nothing else that is wrong.</p>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], style: str = "") -> str:
    """A table; cells are HTML, the first of a row is its heading. A column without a figure is left out."""
    shown = [i for i in range(len(head)) if i == 0 or any(r[i] != "-" for r in rows)]
    heads = "".join(f'<th scope="col">{head[i]}</th>' for i in shown)
    body = "".join("<tr>" + "".join(_cell(i, r[i]) for i in shown) + "</tr>" for r in rows)
    return (f'<div class="scroll"><table{style}><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>')


def _cell(i: int, html: str) -> str:
    if i == 0:
        return f'<th scope="row">{html}</th>'
    return f'<td class="none">{html}</td>' if html in ("0", "-") else f"<td>{html}</td>"


def _region_name(r: dict[str, Any]) -> str:
    return f'{escape(r["label"])}<small>{escape(r["region"])}</small>'


def _percents(values: Sequence[Optional[float]]) -> list[str]:
    return [escape(percent(v)) for v in values]


def _causes(data: dict[str, Any]) -> list[str]:
    return [c for c in CAUSE if any(r["figures"][c] for r in data["regions"])]


def _legend(data: dict[str, Any]) -> str:
    classes = list(dict.fromkeys(_CLASS[c] for c in _causes(data)))
    return '<p class="key">' + "".join(f'<span class="item"><i class="swatch {c}"></i>{_KEYS[c]}</span>'
                                       for c in classes) + "</p>"


def _masked(data: dict[str, Any]) -> str:
    rows = []
    for r in data["regions"]:
        f = r["figures"]
        bar = "".join(f'<i class="{_CLASS[c]}" style="width:{100 * f[c]:.2f}%"></i>' for c in CAUSE if f[c])
        masked = escape(percent(f["masked"]))
        rows.append([_region_name(r), f'<div class="first">{masked}<div class="bar">{bar}</div></div>',
                     *_percents([f[n] for n in ("kept_toward", "masked_positive", "masked_negative", "masked_first",
                                                "masked_last", "worst_response", "responses_touched")])])
    head = ["Percent of the tokens", "masked", "kept, toward μ", "of Â &gt; 0", "of Â &lt; 0", "first 5&#8239;%",
            "last 5&#8239;%", "worst response", "responses touched"]
    lead = ("A masked token gives no gradient. Toward μ: kept since the update moves π back toward the policy that "
            "sampled it. Touched: percent of the responses with a masked token.")
    return _section("How much is masked, and why", lead, _table(head, rows) + _legend(data))


def _positions(data: dict[str, Any]) -> str:
    shown = [r for r in data["regions"] if r["figures"]["masked"]]
    if not shown:
        return ""
    most = round_up(max(b["masked"] / b["tokens"] for r in shown for b in r["by_relative_position"] if b["tokens"]))
    panels = "".join(_panel(r, min(most, 1.0)) for r in shown)
    silent = [r["label"] for r in data["regions"] if not r["figures"]["masked"]]
    rest = f" Not drawn, since nothing is masked: {escape(', '.join(silent))}." if silent else ""
    lead = f"Height: percent of the tokens at that relative position t/T that are masked, in 20 bins.{rest}"
    return _section("Where in the responses", lead, f'<div class="panels">{panels}</div>{_legend(data)}')


def _panel(r: dict[str, Any], top: float) -> str:
    bars = ""
    for i, b in enumerate(r["by_relative_position"]):
        y = 84.0
        for c in CAUSE:
            height = 84 * b[c] / max(b["tokens"], 1) / top
            if height > 0:
                y -= height
                bars += f'<rect class="{_CLASS[c]}" x="{10 * i + 1}" y="{y:.2f}" width="8" height="{height:.2f}"/>'
    masked = percent(r["figures"]["masked"])
    label = escape(r["label"])
    return (f'<figure class="panel"><figcaption><span>{label}</span><b>{escape(masked)}&#8239;%</b></figcaption>'
            f'<div class="frame"><svg viewBox="0 0 200 84" role="img" aria-label="{label}: {escape(masked)} percent '
            f'masked"><path class="grid" d="M0 .5H200M0 42H200"/>{bars}<path class="base" d="M0 83.5H200"/></svg>'
            f'<span class="top">{100 * top:.3g}&#8239;%</span></div><div class="ends"><span>first token</span>'
            f"<span>last</span></div></figure>")


def _curve_key(labels: Sequence[str]) -> str:
    return '<ul class="legend">' + "".join(f'<li><i class="stroke p{i % _CURVES}"></i>{escape(label)}</li>'
                                           for i, label in enumerate(labels)) + "</ul>"


def _sweeps(data: dict[str, Any]) -> list[str]:
    names = list(dict.fromkeys(s["name"] for r in data["regions"] for s in r["sweeps"]))
    return [_sweep(data, name) for name in names]


def _sweep(data: dict[str, Any], name: str) -> str:
    swept = [(r["label"], s) for r in data["regions"] for s in r["sweeps"] if s["name"] == name]
    values = [p["value"] for p in swept[0][1]["points"]]
    low, high = min(values), max(values)
    top = min(round_up(max(p["masked"] for _, s in swept for p in s["points"])), 1.0)
    log = low > 0 and high / low > 20
    plot = Plot((low, high), (0.0, top), log)
    plot.y_ticks(100)
    for v in [v for i, v in enumerate(values) if i % max(1, len(values) // 6) == 0] if log else ticks(low, high, 6):
        plot.x_tick(v, f"{v:.3g}")
    for i, (_, s) in enumerate(swept):
        plot.line(sorted((p["value"], p["masked"]) for p in s["points"]), f"curve p{i % _CURVES}")
    for own in {s["own"] for _, s in swept if s["own"] is not None and low <= s["own"] <= high}:
        plot.stem(own, top, "given")
    chart = plot.html("Percent masked", escape(name), f"Percent masked as {name} changes")
    rows = [[f"{v:.4g}", *(escape(percent(s["points"][i]["masked"])) for _, s in swept)] for i, v in enumerate(values)]
    labels = [label for label, _ in swept]
    numbers = f"<details><summary>Numbers</summary>{_table([escape(name), *map(escape, labels)], rows)}</details>"
    return _section(f"If {escape(name)} were another", "Dotted: the value as given.",
                    _curve_key(labels) + chart + numbers)


def _drift(data: dict[str, Any]) -> str:
    names = {"mean_divergence": "mean D", "divergence_median": "median", "divergence_90": "90&#8239;%",
             "divergence_99": "99&#8239;%", "max_divergence": "largest", "mean_ratio": "mean ρ",
             "max_ratio": "largest ρ", "kl_k3": "KL (k3)", "mean_delta_b": "mean δ<sub>b</sub>"}
    if is_soft(data):
        names["mean_gate"] = "mean gate"
    rows = [[escape(r["label"]), *(number(r["figures"][n]) for n in names)] for r in data["regions"]]
    curves = [(r["label"], r["mean_divergence_by_relative_position"]) for r in data["regions"]]
    distinct = [c for i, c in enumerate(curves) if c[1] not in [d for _, d in curves[:i]]]
    top = max((d for _, c in distinct for d in c if d is not None), default=0.0)
    plot = Plot((0.0, 1.0), (0.0, round_up(top)))
    plot.y_ticks()
    for x in (0.0, 0.25, 0.5, 0.75, 1.0):
        plot.x_tick(x, f"{x:g}")
    for i, (_, c) in enumerate(distinct):
        plot.line([((k + 0.5) / len(c), d) for k, d in enumerate(c)], f"curve p{i % _CURVES}")
    chart = plot.html("Mean of D", "relative position t/T", "Mean divergence by relative position")
    key = _curve_key([label for label, _ in distinct]) if len(distinct) > 1 else ""
    lead = ("D is how far π has moved from μ at a token, by the divergence of the region. Quantiles are at most 1/16 "
            "too large.")
    table = _table(["", *names.values()], rows)
    return _section("How far the policies are apart", lead, f"{table}<h3></h3>{key}{chart}")


def _agreement(data: dict[str, Any]) -> str:
    labels = [r["label"] for r in data["regions"]]
    if len(labels) < 2:
        return ""
    rows = "".join(f'<tr><th scope="row">{escape(label)}</th>{"".join(_heat(x) for x in row)}</tr>'
                   for label, row in zip(labels, data["agreement"]))
    heads = "".join(f'<th scope="col">{escape(x)}</th>' for x in ["", *labels])
    table = (f'<div class="scroll"><table class="heat"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
             "</div>")
    return _section("Where they agree", "Percent of the tokens that two regions both keep or both mask.", table)


def _heat(x: Optional[float]) -> str:
    shade = 0.0 if x is None else 100 * (1 - x)
    return (f'<td style="background:color-mix(in srgb,var(--own) {min(shade, 100) * 0.6:.0f}%,transparent)">'
            f"{escape(percent(x))}</td>")


def _worst(data: dict[str, Any]) -> str:
    if not data["worst"]:
        return ""
    first = data["regions"][0]["label"]
    legend = _legend(data).replace("</p>", '<span class="item"><i class="mark"></i>kept, toward μ</span></p>')
    stories = "".join(_story(n, r, first) for n, r in enumerate(data["worst"], 1))
    lead = (f"Those with {'the ' if data['ranked_by'] != 'masked' else ''}{RANKED[data['ranked_by']]} under "
            f"{escape(first)}, which colours them. Struck through: slots that are no tokens of the response.")
    return _section("The worst responses, token by token", lead, legend + stories)


def _story(n: int, response: dict[str, Any], first: str) -> str:
    main = response["regions"][0]
    if "error" in main:
        return f'<h3>{n}. {escape(response["place"])}</h3><p class="finding">{escape(main["error"])}</p>'
    counts = ", ".join(f"{r['label']} {r['masked']}" for r in response["regions"] if "error" not in r)
    title = f"{n}. {response['place']}: masked of {main['tokens']} tokens by {counts}"
    shown = min(len(response["active"]), _MOST_SLOTS)
    spans = "".join(_span(response, i) for i in range(shown))
    rest = len(response["active"]) - shown
    more = f' <span class="nl">and {_thousands(rest)} more slots</span>' if rest else ""
    style = "story" if response["tokens"] is not None else "story ids"
    return (f'<h3>{escape(title)}</h3><div class="{style}">{spans}{more}</div>{_story_chart(response)}'
            f"{_story_table(response)}")


def _token_class(response: dict[str, Any], i: int) -> str:
    if not response["active"][i]:
        return "outside"
    decision = response["regions"][0]["decision"][i]
    return {"kept_toward": "toward", "kept": "kept", "excluded": "outside"}.get(decision) or _CLASS[decision]


def _span(response: dict[str, Any], i: int) -> str:
    trace, style = response["regions"][0], _token_class(response, i)
    text = escape(token_text(response, i) or "·").replace("\n", '<span class="nl">↵</span>\n')
    if style == "outside":
        return f'<span class="tok outside">{text}</span>'
    words = f"slot {i + response['first_slot']}, D {number(trace['divergence'][i])}"
    masked = [f"{r['label']}: {_IN_WORDS[r['decision'][i]]}" for r in response["regions"]
              if "error" not in r and r["decision"][i] in _IN_WORDS]
    about = escape("; ".join([words, *masked]))
    return f'<span class="tok {style}" title="{about}">{text}</span>'


def _story_chart(response: dict[str, Any]) -> str:
    """w D of each token, and the threshold that it must not exceed."""
    trace = response["regions"][0]
    slots = [i for i, a in enumerate(response["active"]) if a][:_MOST_SLOTS]
    heights = [trace["weighted_divergence"][i] or 0.0 for i in slots]
    limits = [trace["threshold"][i] for i in slots]
    highest = max(heights, default=0.0)
    top = round_up(max([highest, *(x for x in limits if x is not None and x < 2 * highest)]))
    plot = Plot((0.5, len(slots) + 0.5), (0.0, top))
    plot.y_ticks()
    for t in ticks(0, len(slots), 6)[1:]:
        plot.x_tick(t, f"{t:.0f}")
    for t, (i, height) in enumerate(zip(slots, heights), 1):
        plot.stem(t, height, f"stem {_token_class(response, i)}")
    has_limit = any(limits)
    if has_limit:
        plot.line(list(enumerate(limits, 1)), "limit")
    key = ' <span class="item"><i class="stroke"></i>threshold c<sub>t</sub></span>' if has_limit else ""
    return plot.html(f'<span class="item">w D of each token</span>{key}', "token t of the response",
                     f"Weighted divergence of the tokens of {response['place']}")


def _story_table(response: dict[str, Any]) -> str:
    trace = response["regions"][0]
    regions = [r for r in response["regions"] if "error" not in r]
    slots = [i for i in range(len(response["active"]))
             if any(r["decision"][i] in CAUSE for r in regions)]
    rows = []
    for i in slots[:_MOST_ROWS]:
        numbers = (response["rollout_log_prob"][i], response["log_prob"][i],
                   response["advantage"][i] if response["advantage"] is not None else None,
                   *(trace[k][i] for k in ("divergence", "weighted_divergence", "prefix_drift", "threshold")))
        text = escape(repr(token_text(response, i))) if response["tokens"] is not None else ""
        rows.append([f"{i + response['first_slot']} {text}",
                     *map(number, numbers), *(escape(CAUSE.get(r["decision"][i], "·")) for r in regions)])
    if not rows:
        return ""
    head = ["slot", "log μ", "log π", "Â", "D", "w D", "S", "c", *(escape(r["label"]) for r in regions)]
    rest = f'<p class="key">and {_thousands(len(slots) - len(rows))} more</p>' if len(slots) > len(rows) else ""
    return (f"<details><summary>The {_thousands(len(slots))} tokens that a region masks</summary>{_table(head, rows)}"
            f"{rest}</details>")


def _tables(data: dict[str, Any]) -> str:
    causes = _causes(data)
    by_cause = _table(["Percent of the tokens", *(f"by {escape(CAUSE[c])}" for c in causes)],
                      [[escape(r["label"]), *_percents([r["figures"][c] for c in causes])] for r in data["regions"]])
    most = max(len(r["by_position"]) for r in data["regions"])
    rows = []
    for r in data["regions"]:
        shares = [b["masked"] / b["tokens"] if b["tokens"] else None for b in r["by_position"]]
        rows.append([escape(r["label"]), *_percents(shares + [None] * (most - len(shares)))])
    by_position = _table(["from token", *(str(1 << i) for i in range(most))], rows)
    head = ["Responses masked by", "0", *(f"≤&#8239;{10 * i}&#8239;%" for i in range(1, 11))]
    by_response = _table(head, [[escape(r["label"]), *map(_thousands, r["responses_by_masked_share"])]
                                for r in data["regions"]])
    parts = (("Percent masked by cause", by_cause), ("Percent masked by position", by_position),
             ("Responses by the share that is masked", by_response))
    return _section("All numbers", "What the charts were drawn from, and more, is in the audit as JSON.",
                    "".join(f"<details><summary>{title}</summary>{body}</details>" for title, body in parts))
