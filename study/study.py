#!/usr/bin/env python3
"""Does it matter where CPPO masks, or only how much? The runs of study/plan.json, and the report of them.

    ./run study --stage tune|confirm|explore [--hours H] [--jobs N]   makes the runs that are missing
    ./run study --power      writes budget and power into docs/study/plan.md, from the tuning runs
    ./run study --report     writes build/study/report/report.html from all runs, made here or kept
    ./run study --publish    writes docs/study/, its pictures and study/runs.jsonl.gz

Without options: what is there and what is missing. A run is one line of build/study/runs.jsonl; it is never made twice.
Stop with Ctrl-C or --hours, and go on with the same command.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import analysis
import plan as plans
import report
import runner
import store

TOP = Path(__file__).resolve().parents[1]


def arguments():
    parser = argparse.ArgumentParser(prog="./run study", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=plans.STAGES, help="make the runs of this stage")
    parser.add_argument("--hours", type=float, help="begin no run that would end later than that")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2, help="runs at a time, each on one thread")
    for name, words in (("power", "write budget and power into the plan's page"), ("report", "write the report"),
                        ("publish", "write the pages, pictures and data of the repository")):
        parser.add_argument(f"--{name}", action="store_true", help=words)
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan.json"), help="another plan")
    parser.add_argument("--runs", type=Path, default=TOP / "build/study/runs.jsonl", help="where runs are added")
    parser.add_argument("--kept", type=Path, default=Path(__file__).with_name("runs.jsonl.gz"),
                        help="runs of the repository")
    parser.add_argument("--out", type=Path, default=TOP / "build/study/report", help="folder of the report")
    parser.add_argument("--program", default=str(TOP / "build/release/bin/cppo_study_run"))
    parser.add_argument("--models", type=Path, default=TOP / "build/study/models", help="where made models are kept")
    return parser.parse_args()


def show_state(plan, results):
    for stage in plans.STAGES:
        try:
            runs = plans.runs_of(plan, stage, results)
        except ValueError as e:
            print(f"{stage}: {e}")
            continue
        left = [run for run in runs if run.asked not in results]
        hours = sum(plans.seconds(plan, run) for run in left) / 3600
        print(f"{stage}: {len(runs) - len(left)} of {len(runs)} runs, {hours:.1f} hours of one core left")


def make(args, plan, results):
    if not Path(args.program).is_file():
        raise ValueError(f"{args.program} is not built; ./run study builds it")
    until = None if args.hours is None else time.monotonic() + 3600 * args.hours
    runs, left = [], 0
    with store.opened(args.runs) as append:
        while not left and (more := plans.runs_of(plan, args.stage, results)) != runs:
            runs = more  # what is tuned says what is tried next
            left = runner.make(plan, args.stage, runs, results, append, [args.program], args.models, args.jobs, until)
    print(f"{args.stage}: {len(runs) - left} of {len(runs)} runs are there" +
          (f"; go on with ./run study --stage {args.stage}" if left else ""))


def write_pages(plan, results, pages):
    for name, text in pages.items():
        (TOP / name).parent.mkdir(parents=True, exist_ok=True)
        (TOP / name).write_text(text, encoding="utf-8")
        print(f"wrote {name}")


def act(args):
    plan = plans.read(args.plan)
    results = store.read(args.kept, args.runs)
    if args.stage:
        make(args, plan, results)
    if args.power:
        page = (TOP / "docs/study/plan.md").read_text(encoding="utf-8")
        write_pages(plan, results, {"docs/study/plan.md": report.with_plan_blocks(plan, results, page)})
        print("\n".join(report.power_lines(plan, results)))
    if args.report or args.publish:
        study = analysis.read(plan, results)
        report.write(study, args.out)
        print("\n".join(report.answer_lines(study)))
        print(f"wrote {args.out}/report.html")
    if args.publish:
        pages = report.published(study, *((TOP / f"docs/study/{name}.md").read_text(encoding="utf-8")
                                          for name in ("plan", "answer")))
        write_pages(plan, results, pages)
        if results:
            args.kept.write_bytes(store.packed(results))
    if not (args.stage or args.power or args.report or args.publish):
        show_state(plan, results)


def main():
    args = arguments()
    try:
        act(args)
    except (ValueError, OSError, runner.Failed) as e:
        words = "another ./run study adds to the same file" if isinstance(e, BlockingIOError) else e
        print(f"study: {words}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstudy: stopped; what is whole is kept, the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
