"""The report: tables, pictures and sentences made of an analysis.Study, as Markdown and as one HTML page."""

import html
import re
import sys
from pathlib import Path

import analysis
import inference
import pictures
import plan as plans
from matching import mean
from pictures import plus

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from bench_page import STYLE, table_html  # noqa: E402  tables have one look


# ---- words -------------------------------------------------------------------------------------------------------

def span(low, high):
    return f"[{plus(low)}, {plus(high)}]"


def means(runs, quantities):
    """As texts; a dash where no run has a number."""
    return [f"{mean(found):.3f}" if (found := analysis.values(runs, q)) else "–" for q in quantities]


def p_text(p):
    return f"{p:.4f}" if p >= 0.0005 else f"{p:.1e}"


def sentence(question, word, comparisons):
    """One line of the answer, with the intervals that hold together."""
    if word == "not run yet":
        return f"- **The {question}**: not run yet."
    parts = []
    for task in dict.fromkeys(c.task for c in comparisons):
        of = [c for c in comparisons if c.task == task]
        parts.append(f"{task}: " + "; ".join(
            f"{c.matching} {plus(c.found.mean)} {span(c.found.low_together, c.found.high_together)}, {c.verdict}"
            for c in of))
    said = "cannot be told at this size" if word == "cannot be told" else word
    return f"- **The {question}: {said}.** " + ". ".join(parts) + "."


def answer_lines(study):
    found = analysis.answers(study)
    lines = [sentence(question, word, of) for question, (word, of) in found.items()]
    if all(word != "not run yet" for word, _ in found.values()):
        n = min(c.found.seeds for _, of in found.values() for c in of)
        lines += ["", f"A number is what CPPO gains in success at the end over the same rule without that part; {n} "
                  "seeds or more; all intervals hold together at 95 %. \"Tuned\": each arm at its best strength. At "
                  "equal masked share and equal mean drift all arms mask or move as much: what is left is where."]
    return lines


# ---- tables: {"title", "note", "columns", "rows"} of texts -----------------------------------------------------------

def arms_table(study):
    rows = []
    for (task, name, arm), runs in study.confirmed.items():
        strength, reached = study.picked[task, arm][name]
        collapsed = sum(1 for r in runs if r["collapsed"])
        rows.append([task, name, arm, strength + ("" if reached else " (not reached)"), str(len(runs))]
                    + means(runs, analysis.QUANTITIES)
                    + [f"{collapsed} of {len(runs)}", f"{inference.deviation(analysis.values(runs, 'final')):.3f}"])
    order = {task: i for i, task in enumerate(study.plan["tasks"])}
    rows.sort(key=lambda row: (order[row[0]], list(plans.MATCHINGS).index(row[1])))
    return {"title": "Confirmed arms", "note": "Means over evaluated seeds; the last column is the deviation of "
            "success over seeds. A run collapsed if it ends below half of its best success.",
            "columns": ["task", "matching", "arm", "strength", "seeds", *analysis.QUANTITIES.values(), "collapsed",
                        "deviation"], "rows": rows}


def comparisons_table(title, note, comparisons, corrected):
    rows = []
    for c in comparisons:
        d = c.found
        head = [c.question, c.task, c.matching] + ([] if corrected else [analysis.QUANTITIES[c.quantity]])
        rows.append(head + [str(d.seeds), plus(d.mean), span(d.low, d.high)]
                    + ([span(d.low_together, d.high_together)] if corrected else [])
                    + [plus(d.effect), p_text(d.p)] + ([p_text(c.adjusted), c.verdict] if corrected else []))
    columns = (["CPPO less", "task", "matching"] + ([] if corrected else ["quantity"]) + ["seeds", "difference", "95 %"]
               + (["together"] if corrected else []) + ["effect", "p"] + (["p, Holm", "verdict"] if corrected else []))
    return {"title": title, "note": note, "columns": columns, "rows": rows}


def tuning_table(study):
    rows = []
    for task in study.plan["tasks"]:
        for arm in study.plan["arms"]:
            if (task, arm) in study.picked:
                at = study.picked[task, arm]
                runs = dict(plans.tuned_points(study.plan, study.results, task, arm))
                runs = next(found for s, found in runs.items() if plans.number(s) == at["tuned"][0])
                rows.append([task, arm] + [at[name][0] if name in at else "–" for name in plans.MATCHINGS]
                            + means(runs, ("final", "masked", "mean_drift")))
    return {"title": "Strengths chosen",
            "note": "On seeds of their own. The last three columns are of the tuned strength.",
            "columns": ["task", "arm", *plans.MATCHINGS, "success at the end", "masked share", "mean drift"],
            "rows": rows}


def explored_table(study):
    rows = []
    for (task, arm, setting), runs in study.explored.items():
        final = [r["final"] for r in runs]
        rows.append([task, arm, setting, str(len(runs)), f"{mean(final):.3f}", f"{min(final):.3f}–{max(final):.3f}"]
                    + means(runs, ("masked", "mean_drift", "base_nll")))
    return {"title": "Explored, not confirmed", "note": "Few seeds, nothing corrected: material for the next study, no "
            "evidence. Strengths are those tuned at two passes and fresh rollouts.",
            "columns": ["task", "arm", "setting", "seeds", "success at the end", "lowest–highest", "masked share",
                        "mean drift", "NLL under the first model"], "rows": rows}


FAMILIES = {
    "main": ("Weight and budget", "Success at the end. Intervals \"together\" hold at once for all rows of the table.",
             True),
    "control": ("Weight and budget where position should not matter", "The task in which no token depends on another.",
                True),
    "other rules": ("CPPO beside DPPO and PPO", "Success at the end.", True),
    "other quantities": ("Other quantities", "Not corrected. A lower NLL under the first model and a lower drift mean "
                         "that the policy stayed closer to it.", False),
}


def tables(study):
    found = [comparisons_table(title, note, study.families[name], corrected)
             for name, (title, note, corrected) in FAMILIES.items()]
    return [t for t in [*found[:3], arms_table(study), found[3], tuning_table(study), explored_table(study)]
            if t["rows"]]


def markdown_table(table):
    line = lambda cells: "| " + " | ".join(cells) + " |"
    return "\n".join([f"## {table['title']}", "", table["note"], "", line(table["columns"]),
                      "|" + "---|" * len(table["columns"]), *map(line, table["rows"]), ""])


# ---- pictures ----------------------------------------------------------------------------------------------------

def answer_picture(study):
    rows, before, title = [], None, "What CPPO's weight and budget add"
    for c in study.families["main"] + study.families["control"]:
        heading = f"the {c.question}, {c.task}"
        rows.append((heading if heading != before else "", c.matching, c.found.mean, (c.found.low, c.found.high),
                     (c.found.low_together, c.found.high_together)))
        before = heading
    return pictures.intervals(title, rows, study.plan["smallest_difference"]) if rows else ""


def by_task(study, points_of, arms):
    """{task: {arm: points}} of what has any."""
    found = {task: {arm: points for arm in arms if (points := points_of(task, arm))} for task in study.plan["tasks"]}
    return {task: series for task, series in found.items() if series}


def confirmed_curve(study, path, x_of):
    def points(task, arm):
        runs = study.confirmed.get((task, "tuned", arm))
        return [(x_of(runs[0], i, len(ys)), y) for ys in [analysis.mean_curve(runs, path)] for i, y in enumerate(ys)] \
            if runs else []
    return by_task(study, points, study.plan["confirmed"])


def tuning_points(study, x_of):
    def points(task, arm):
        grid = plans.tuned_points(study.plan, study.results, task, arm) if study.plan["arms"][arm]["grid"] else None
        return [(x_of(s, runs), mean(r["final"] for r in runs)) for s, runs in grid] if grid else []
    return by_task(study, points, study.plan["confirmed"])


def off_policy(study, key):
    def points(task, arm):
        found = []
        for (of_task, of_arm, _), runs in study.explored.items():
            other = "stale" if key == "passes" else "passes"
            if (of_task, of_arm) == (task, arm) and runs[0]["asked"][other] == study.plan["tasks"][task][other]:
                found.append((runs[0]["asked"][key], mean(r["final"] for r in runs)))
        return sorted(found) if len(found) > 1 else []
    return by_task(study, points, study.plan["arms"])


def all_pictures(study):
    """{file name: SVG} of those that have something to show."""
    found = {
        "study_answer.svg": answer_picture(study),
        "study_curves.svg": pictures.panels(
            "Tuned arms, evaluated seeds",
            confirmed_curve(study, ("curve", "success"), lambda run, i, n: run["curve"]["step"][i]), "step", "success"),
        "study_positions.svg": pictures.panels(
            "Tuned arms, evaluated seeds",
            confirmed_curve(study, ("by_position", "divergence"), lambda run, i, n: (i + 0.5) / n),
            "position, as a share of the response", "mean |π − μ|"),
        "study_masked.svg": pictures.panels(
            "Where, or how much? Each point is a strength",
            tuning_points(study, lambda s, runs: mean(r["masked"] for r in runs)),
            "masked share", "success at the end", joined=False),
        "study_tuning.svg": pictures.panels("Tuning", tuning_points(study, lambda s, runs: s), "strength",
                                            "success at the end", logarithmic=True),
        "study_passes.svg": pictures.panels("Explored", off_policy(study, "passes"), "passes over a batch",
                                            "success at the end"),
        "study_stale.svg": pictures.panels("Explored", off_policy(study, "stale"), "age of rollouts, in updates",
                                           "success at the end"),
    }
    return {name: svg for name, svg in found.items() if svg}


CAPTIONS = {
    "study_answer.svg": "Paired differences over seeds; thick: 95 % alone, thin: all rows of a table together",
    "study_curves.svg": "Success on prompts held out, over the steps",
    "study_positions.svg": "How far the policy has moved, by position",
    "study_masked.svg": "Success against masked share, over the grid of tuning",
    "study_tuning.svg": "Success against strength, over the grid of tuning",
    "study_passes.svg": "Success against passes over a batch",
    "study_stale.svg": "Success against the age of rollouts",
}


# ---- pages -------------------------------------------------------------------------------------------------------

def deviations_text(study):
    return ["## Deviations from the plan", "", *([f"- {d}" for d in study.deviations] or ["None."]), ""]


def results_page(study, images):
    """results.md; `images`: where the pictures lie, as seen from it."""
    lines = ["# Does it matter? All results", "",
             "`./run study --publish` writes this page; the runs are in `study/runs.jsonl.gz`. "
             f"{len(study.results)} runs.", "", "## Answer", "", *answer_lines(study), ""]
    lines += [f"![{CAPTIONS[name]}]({images}/{name})\n" for name in all_pictures(study)]
    lines += deviations_text(study)
    return "\n".join(lines) + "\n" + "\n".join(map(markdown_table, tables(study)))


def html_page(study):
    bold = lambda words: re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(words))
    lines = answer_lines(study)
    body = ["<!doctype html><html lang=en><meta charset=utf-8><title>Does it matter?</title>",
            f"<style>{STYLE}</style>", "<h1>Does it matter?</h1>", "<ul>",
            *[f"<li>{bold(x[2:])}" for x in lines if x.startswith("- ")], "</ul>",
            *[f"<p>{bold(x)}" for x in lines if x and not x.startswith("- ")],
            *[f"<figure>{svg}<figcaption>{html.escape(CAPTIONS[name])}</figcaption></figure>"
              for name, svg in all_pictures(study).items()],
            "<h2>Deviations from the plan</h2><ul>", *[f"<li>{html.escape(d)}" for d in study.deviations], "</ul>",
            *map(table_html, tables(study))]
    return "\n".join(body) + "\n"


def budget_lines(plan):
    rows = plans.budget(plan)
    lines = ["| stage | runs at most | hours on one core |", "|---|---|---|"]
    lines += [f"| {stage} | {runs} | {hours:.1f} |" for stage, runs, hours in rows]
    return lines + [f"| all | {sum(r for _, r, _ in rows)} | {sum(h for *_, h in rows):.1f} |"]


def power_lines(plan, results):
    """Of the main family, from the tuning runs."""
    picked = plans.chosen(plan, results)
    if any(name not in picked.get((task, arm), {}) for task in plan["tasks"] for arm in plan["confirmed"]
           for name in plans.MATCHINGS):
        return ["Not known yet: the confirmed arms are not tuned. `./run study --power` writes this section then."]
    smallest = plan["smallest_difference"]
    comparisons = len(analysis.QUESTIONS) * len(plans.MATCHINGS) * len(plan["dependent_tasks"])
    how = plan["level"], comparisons, plan["power"]
    lines = [f"Difference found with {100 * plan['power']:.0f} % power, level {plan['level']} over {comparisons} "
             "comparisons:", "", f"| task | deviation of differences | seeds | found | seeds for {smallest} |",
             "|---|---|---|---|---|"]
    for task in plan["tasks"]:
        spread = analysis.spread_of_differences(plan, results, picked, task)
        seeds = len(plans.confirm_seeds(plan, task))
        lines.append(f"| {task} | {spread:.3f} | {seeds} | {inference.detectable(spread, seeds, *how):.3f} | "
                     f"{inference.seeds_needed(spread, smallest, *how)} |")
    lines += ["", "| task | arm | " + " | ".join(plans.MATCHINGS) + " |", "|---|---|" + "---|" * len(plans.MATCHINGS)]
    for task in plan["tasks"]:
        for arm in plan["confirmed"]:
            at = picked[task, arm]
            lines.append(f"| {task} | {arm} | " + " | ".join(
                at[name][0] + ("" if at[name][1] else " (not reached)") for name in plans.MATCHINGS) + " |")
    return lines


def with_block(page, name, lines):
    """The page with new lines between `<!-- NAME: ... -->` and `<!-- end -->`; ValueError if it has no such place."""
    place = re.compile(rf"(<!-- {name}:[^\n]*-->\n)(?:.*?\n)??(<!-- end -->)", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"the page has no lines `<!-- {name}: ... -->` and `<!-- end -->`")
    return place.sub(lambda m: m[1] + "\n" + "\n".join(lines) + "\n\n" + m[2], page, count=1)


def write(study, out):
    """report.html, results.md and the pictures, into the folder `out`."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    for name, svg in all_pictures(study).items():
        (out / "images" / name).write_text(svg, encoding="utf-8")
    (out / "results.md").write_text(results_page(study, "images"), encoding="utf-8")
    (out / "report.html").write_text(html_page(study), encoding="utf-8")


def published(study, plan_page, answer_page):
    """{path from the top of the repository: text} of the pages and pictures that the repository holds."""
    picture = ["", f"![{CAPTIONS['study_answer.svg']}](../images/study_answer.svg)"]
    shown = all_pictures(study)
    pages = {"docs/study/results.md": results_page(study, "../images"),
             "docs/study/plan.md": with_plan_blocks(study.plan, study.results, plan_page),
             "docs/study/answer.md": with_block(answer_page, "answer", answer_lines(study) + (
                 picture if "study_answer.svg" in shown else []))}
    return pages | {f"docs/images/{name}": svg for name, svg in shown.items()}


def with_plan_blocks(plan, results, page):
    return with_block(with_block(page, "budget", budget_lines(plan)), "power", power_lines(plan, results))
