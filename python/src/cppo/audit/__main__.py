"""The command line of the audit."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any, Optional

from . import Condition, InputError, Result, audit
from .chunks import SLOTS
from .figures import OF_DUMP, OF_REGION
from .files import files_of
from .labels import RegionError, labelled
from .tally import RANKINGS

FAILED, REFUSED = 1, 2
"""Exit codes: a condition of --fail-if holds; a file or an argument cannot be used."""


def _epilog() -> str:
    figures = "\n".join(f"  {name:24}{about}" for name, (about, _) in OF_REGION.items())
    dump = "\n".join(f"  {name:24}{about}" for name, (about, _) in OF_DUMP.items())
    return ("Figures of a region, for --fail-if and in JSON; NAME alone is that of each region in turn, LABEL.NAME of "
            f"one:\n{figures}\n\nFigures of the dump:\n{dump}\n\n"
            "Conditions: + - * / < <= > >= == != and or not, brackets, 30% for 0.3, agreement(LABEL, LABEL).\n"
            "Exit code: 0; 1 if a condition holds; 2 if a file or an argument cannot be used.")


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser("python -m cppo.audit", epilog=_epilog(),
                                formatter_class=argparse.RawDescriptionHelpFormatter,
                                description="What trust regions would do with recorded rollouts.")
    p.add_argument("dump", nargs="+", metavar="DUMP", help="files or folders: JSON Lines (cppo's, prime-rl's or "
                   "NeMo-RL's), NPZ, safetensors, Parquet")
    p.add_argument("--region", action="append", default=[], metavar="[LABEL=]TEXT",
                   help='a region, repeatable, as C++ or JSON: "fixed_cppo(delta = 0.2)"; otherwise PPO, DPPO, CPPO')
    p.add_argument("--sweep", action="append", default=[], metavar="NAME=RANGE",
                   help="the masked share as a number changes: delta=0.01:0.3:8, delta=0.01:0.3:8:log, "
                        "prefix_budget.delta=0.1,0.2")
    p.add_argument("--fail-if", action="append", default=[], metavar="CONDITION",
                   help='exit with 1 if it holds: "masked > 0.3"; repeatable')
    p.add_argument("--json", metavar="FILE", help="write the audit as JSON; - is standard output, instead of the text")
    p.add_argument("--html", metavar="FILE", help="write the audit as one page")
    p.add_argument("--worst", type=int, default=3, metavar="N", help="responses shown token by token (default: 3)")
    p.add_argument("--worst-by", choices=sorted(RANKINGS), default="masked",
                   help="what these have most of under the first region (default: masked tokens)")
    p.add_argument("--updates", type=int, metavar="N", help="which log_prob, where it is given after several updates")
    p.add_argument("--field", action="append", default=[], metavar="INPUT=NAME",
                   help="what the dump calls an input: rollout_log_prob=old_logp; repeatable")
    p.add_argument("--tokenizer", metavar="FILE", help="a tokenizer.json, for the text of the worst responses")
    p.add_argument("--bad-input", choices=("leave_out", "exclude", "reject"), default="leave_out",
                   help="what NaN and the like do: leave out the response and count it (default), leave out the token, "
                        "or end the audit")
    p.add_argument("--log-prob-tolerance", type=float, metavar="X", help="accept log-probs up to X above 0")
    p.add_argument("--chunk", type=int, default=SLOTS, metavar="SLOTS", help=f"slots in memory (default: {SLOTS})")
    return p


class Progress:
    """A bar on standard error, if that is a terminal."""

    def __init__(self, total: int) -> None:
        self.total = max(total, 1)
        self.visible = sys.stderr.isatty()
        self.begin = self.last = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if not self.visible or now - self.last < 0.1 or now - self.begin < 0.5:
            return
        self.last = now
        share = min(done / self.total, 1.0)
        bar = "#" * int(30 * share)
        rate = done / (now - self.begin)
        left = (self.total - done) / rate if rate > 0 else 0.0
        print(f"\r[{bar:30}] {100 * share:3.0f} %  {rate / 1e6:.1f} MB/s  {left:.0f} s left ", end="", file=sys.stderr,
              flush=True)

    def clear(self) -> None:
        """Takes the bar away."""
        if self.visible:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _names(fields: list[str]) -> dict[str, str]:
    names = {}
    for given in fields:
        name, equals, field = given.partition("=")
        if not equals or not field:
            raise InputError(f"--field {given}: must be INPUT=NAME")
        names[name] = field
    return names


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as e:
        raise InputError(f"{path}: cannot be written ({e.strerror})") from None


def _positive(name: str, value: int, least: int) -> int:
    if value < least:
        raise InputError(f"{name} {value}: must be at least {least}")
    return value


def _audit(args: Any) -> tuple[Result, list[Condition]]:
    conditions = [Condition(text, [r.label for r in labelled(args.region)]) for text in args.fail_if]
    progress = Progress(sum(p.stat().st_size for p in files_of(args.dump)))
    try:
        return audit(args.dump, args.region, sweeps=args.sweep, worst=_positive("--worst", args.worst, 0),
                     rank_by=args.worst_by, updates=args.updates, names=_names(args.field), bad_input=args.bad_input,
                     log_prob_tolerance=args.log_prob_tolerance, tokenizer=args.tokenizer,
                     slots=_positive("--chunk", args.chunk, 1), progress=progress), conditions
    finally:
        progress.clear()


def _run(args: Any) -> int:
    result, conditions = _audit(args)
    holding = [sentence for c in conditions for sentence in c.holds(result.figures)]
    if args.json != "-":
        sys.stdout.write(result.as_text())
    if args.html:
        _write(args.html, result.as_html())
    if args.json:
        data = json.dumps({**result.data, "failed": holding}, ensure_ascii=False, allow_nan=False) + "\n"
        sys.stdout.write(data) if args.json == "-" else _write(args.json, data)
    sys.stdout.flush()
    for sentence in holding:
        print(f"cppo.audit: failed: {sentence}", file=sys.stderr)
    return FAILED if holding else 0


def main(arguments: Optional[list[str]] = None) -> int:
    """Runs the command line and returns its exit code."""
    args = _parser().parse_args(arguments)
    try:
        return _run(args)
    except RegionError as e:
        print(f"cppo.audit: {e.shown}", file=sys.stderr)
    except InputError as e:
        print(f"cppo.audit: {e}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read the text has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
