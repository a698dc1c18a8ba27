"""An audit as text: tables of at most 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Optional

CAUSE = {"masked_ratio": "ratio", "masked_divergence": "w D", "masked_budget": "budget", "masked_response": "response",
         "masked_other": "other"}
"""What masked a token, as shown."""
_MARKS = {"excluded": "·", "kept": "", "kept_toward": "toward", **CAUSE}
_MOST_ROWS = 24
"""Tokens of a response that are listed."""
RANKED = {"masked": "most tokens masked", "share": "largest share masked", "drift": "largest sum of D"}


def percent(x: Optional[float]) -> str:
    """A share as a percentage of three digits; "-" if it is not known."""
    if x is None:
        return "-"
    y = 100 * x
    if y == 0 or y == 100:
        return f"{y:.0f}"
    return "<0.01" if y < 0.01 else f"{y:.2f}" if y < 10 else f"{y:.1f}"


def number(x: Optional[float]) -> str:
    """A number with three digits; "-" if it is not known."""
    return "-" if x is None else f"{x:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns, the first to the left, the others to the right; a column of "-" alone is left out."""
    shown = [i for i in range(len(head)) if i == 0 or any(r[i] != "-" for r in rows)]
    lines = [[r[i] for i in shown] for r in (head, *rows)]
    widths = [max(len(r[i]) for r in lines) for i in range(len(shown))]
    return "\n".join("  " + "  ".join(x.ljust(w) if i == 0 else x.rjust(w)
                                      for i, (x, w) in enumerate(zip(r, widths))).rstrip() for r in lines)


def text_of(data: dict[str, Any]) -> str:
    """The whole audit."""
    parts = [_head(data), _findings(data), _regions(data), _masked(data), _drift(data), _agreement(data),
             _positions(data), _doublings(data), *_sweeps(data), *_worst(data)]
    return "\n\n".join(p for p in parts if p) + "\n"


def _head(data: dict[str, Any]) -> str:
    files = data["files"]
    name = files[0] if len(files) == 1 else f"{len(files)} files, {files[0]} to {files[-1]}"
    lines = [f"Audit of {name} ({data['format']})",
             f"  {data['responses']} responses, {data['tokens']} tokens"]
    if data["rejected_responses"] or data["bad_tokens"]:
        lines += _wrapped(f"{data['bad_tokens']} tokens with bad input, {data['rejected_responses']} responses left "
                          f"out because of it; the first: {data['first_bad_input']}")
    return "\n".join(lines + [line for note in data["notes"] for line in _wrapped(note)])


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 120, initial_indent="  ", subsequent_indent="    ")


def _findings(data: dict[str, Any]) -> str:
    lines = []
    for f in data["findings"]:
        about = f" under {f['region']}" if f["region"] else ""
        lines += _wrapped(f"{f['name']}{about}, {f['tokens']} tokens in {f['chunks']} of {data['chunks']} chunks: "
                          f"{f['sentence']}")
    return "\n".join(["Findings", *(lines or ["  none"])])


def _regions(data: dict[str, Any]) -> str:
    width = max(len(r["label"]) for r in data["regions"])
    return "\n".join(["Regions", *(textwrap.fill(f"{r['label']:{width}}  {r['region']}", 120, initial_indent="  ",
                                                subsequent_indent=" " * (width + 6)) for r in data["regions"])])


def _of(data: dict[str, Any], names: Sequence[str], shown: Any) -> list[list[str]]:
    return [[r["label"], *(shown(r["figures"][n]) for n in names)] for r in data["regions"]]


def _masked(data: dict[str, Any]) -> str:
    causes = [c for c in CAUSE if any(r["figures"][c] for r in data["regions"])]
    names = ["masked", *causes, "kept_toward", "masked_positive", "masked_negative", "masked_first", "masked_last",
             "worst_response", "responses_touched"]
    head = ["", "all", *(f"by {CAUSE[c]}" for c in causes), "toward", "Â > 0", "Â < 0", "first 5 %", "last 5 %",
            "worst", "touched"]
    return ("Masked, % of the tokens (toward: kept since they move toward μ; Â > 0: of those tokens;\n"
            "worst: of a response; touched: % of the responses)\n" + table(head, _of(data, names, percent)))


def _drift(data: dict[str, Any]) -> str:
    names = ["mean_divergence", "divergence_median", "divergence_90", "divergence_99", "max_divergence", "mean_ratio",
             "max_ratio", "kl_k3"]
    head = ["", "mean D", "median", "90 %", "99 %", "max D", "mean ρ", "max ρ", "KL (k3)"]
    if any(r["figures"]["max_delta_b"] for r in data["regions"]):
        names, head = [*names, "mean_delta_b"], [*head, "mean δ_b"]
    if is_soft(data):
        names, head = [*names, "mean_gate"], [*head, "mean gate"]
    return "Drift\n" + table(head, _of(data, names, number))


def is_soft(data: dict[str, Any]) -> bool:
    """True if a region lets part of a masked update through."""
    return any(abs(r["figures"]["mean_gate"] - 1 + (r["figures"]["masked"] or 0)) > 1e-6 for r in data["regions"])


def _agreement(data: dict[str, Any]) -> str:
    labels = [r["label"] for r in data["regions"]]
    if len(labels) < 2:
        return ""
    rows = [[label, *map(percent, row)] for label, row in zip(labels, data["agreement"])]
    return "Agreement, % of the tokens that two regions both keep or both mask\n" + table(["", *labels], rows)


def _positions(data: dict[str, Any]) -> str:
    """Twentieths in pairs."""
    rows = []
    for r in data["regions"]:
        bins = r["by_relative_position"]
        pairs = [[bins[i], bins[i + 1]] for i in range(0, len(bins), 2)]
        rows.append([r["label"], *(_share(p) for p in pairs)])
    head = ["from t/T", *(f"{i / 10:.1f}" for i in range(10))]
    return "Masked by relative position, %\n" + table(head, rows)


def _share(bins: list[dict[str, Any]]) -> str:
    tokens = sum(b["tokens"] for b in bins)
    return percent(sum(b["masked"] for b in bins) / tokens if tokens else None)


def _doublings(data: dict[str, Any]) -> str:
    most = max((len(r["by_position"]) for r in data["regions"]), default=0)
    if most == 0:
        return ""
    rows = [[r["label"], *(_share([b]) for b in r["by_position"])] for r in data["regions"]]
    rows = [r + ["-"] * (most + 1 - len(r)) for r in rows]
    return "Masked by position, %\n" + table(["from t", *(str(1 << i) for i in range(most))], rows)


def _sweeps(data: dict[str, Any]) -> list[str]:
    names = list(dict.fromkeys(s["name"] for r in data["regions"] for s in r["sweeps"]))
    return [_one_sweep(data, name) for name in names]


def _one_sweep(data: dict[str, Any], name: str) -> str:
    swept = [(r["label"], s) for r in data["regions"] for s in r["sweeps"] if s["name"] == name]
    values = [p["value"] for p in swept[0][1]["points"]]
    rows = [[f"{value:.4g}", *(percent(s["points"][i]["masked"]) for _, s in swept)] for i, value in enumerate(values)]
    own = ", ".join(f"{label} {s['own']:g}" for label, s in swept if s["own"] is not None)
    return f"Masked as {name} changes, % (as given: {own})\n" + table([name, *(label for label, _ in swept)], rows)


def token_text(response: dict[str, Any], slot: int) -> str:
    """The text of a slot, or its id."""
    if response["tokens"] is not None:
        return str(response["tokens"][slot])
    return f"#{response['token_id'][slot]}" if response["token_id"] is not None else ""


def _worst(data: dict[str, Any]) -> list[str]:
    first = data["regions"][0]["label"] if data["regions"] else ""
    found = []
    for n, response in enumerate(data["worst"], 1):
        tokens = sum(response["active"])
        found.append(f"Worst response {n} ({RANKED[data['ranked_by']]} under {first}): {response['place']}, {tokens} "
                     f"tokens\n" + _tokens(response, first))
    return found


def _tokens(response: dict[str, Any], first: str) -> str:
    """The masked tokens of the first region, and what every region did with them."""
    traces = [r for r in response["regions"] if "error" not in r]
    main = next((r for r in traces if r["label"] == first), None)
    if main is None:
        return f"  {response['regions'][0]['error']}"
    slots = [i for i, d in enumerate(main["decision"]) if d.startswith("masked")]
    shown = slots[:_MOST_ROWS] or [i for i, a in enumerate(response["active"]) if a][:_MOST_ROWS]
    head = ["slot", "token", "log μ", "log π", "Â", "D", "w D", "S", "c", *(r["label"] for r in traces)]
    rows = [[str(i + response["first_slot"]), _quoted(token_text(response, i)),
             *(number(x) for x in (response["rollout_log_prob"][i], response["log_prob"][i])),
             number(response["advantage"][i] if response["advantage"] is not None else None),
             *(number(main[k][i]) for k in ("divergence", "weighted_divergence", "prefix_drift", "threshold")),
             *(_MARKS[r["decision"][i]] for r in traces)] for i in shown]
    rest = len(slots) - len(shown)
    more = f"\n  and {rest} more" if rest > 0 else ""
    return f"  {len(slots)} tokens are masked by {first}\n" + table(head, rows) + more


def _quoted(text: str) -> str:
    if not text or text.startswith("#"):
        return text or "-"
    short = text if len(text) <= 14 else text[:13] + "…"
    return repr(short)
