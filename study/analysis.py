"""From the results of runs to what the report says: no text and no picture is made here."""

import dataclasses

import inference
import matching
import plan as plans
from matching import mean

QUESTIONS = {"weight": "without weight", "budget": "without budget"}
ALSO_COMPARED = {"weight and budget": "DPPO", "PPO instead": "PPO"}
SATURATED = 0.95
# Quantities of a run, and what a page calls them.
QUANTITIES = {"final": "success at the end", "area": "area under the curve", "base_nll": "NLL under the first model",
              "masked": "masked share", "mean_drift": "mean drift"}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The reference less another arm, on one task under one matching."""
    question: str
    task: str
    matching: str
    quantity: str
    found: inference.Difference
    adjusted: float  # p-value; of what is not corrected, its own
    verdict: str


@dataclasses.dataclass
class Study:
    """All that is known: by stage, with what deviates from the plan."""
    plan: dict
    results: dict
    picked: dict
    confirmed: dict = dataclasses.field(default_factory=dict)  # {(task, matching, arm): [results, a seed each]}
    families: dict = dataclasses.field(default_factory=dict)  # {name: [Comparison]}
    explored: dict = dataclasses.field(default_factory=dict)  # {(task, arm, setting as text): [results]}
    deviations: list = dataclasses.field(default_factory=list)


def values(results, quantity):
    return [r[quantity] for r in results if r[quantity] is not None]


def spread_of_differences(plan, results, picked, task, quantity="final"):
    """The deviation of a difference between two arms, as if seeds were not paired: from the tuning runs.

    Of each confirmed arm the strengths next to the tuned one count as well, since the confirmed ones lie there.
    """
    squares, freedom = 0.0, 0
    for arm in plan["confirmed"]:
        points = plans.tuned_points(plan, results, task, arm)
        place = [plans.number(s) for s, _ in points].index(picked[task, arm]["tuned"][0])
        for _, runs in points[max(place - 1, 0):place + 2]:
            found = values(runs, quantity)
            squares += inference.deviation(found) ** 2 * (len(found) - 1)
            freedom += len(found) - 1
    return (2 * squares / freedom) ** 0.5 if freedom else 0.0


def whole_seeds(plan, results, picked, task):
    """{seed: {(matching, arm): result}} of the seeds whose runs are all there, and how many were planned."""
    by_seed = {}
    for run in plans.confirmation(plan, picked):
        if run.task == task:
            by_seed.setdefault(run.seed, {})[run.matching, run.arm] = results.get(run.asked)
    return {seed: runs for seed, runs in by_seed.items() if all(runs.values())}


def fault_of(study, task, name, arm):
    """Why a comparison with this arm says nothing of the question, or "": see the plan, "When nothing can be told"."""
    if not all(study.picked[task, a][name][1] for a in (plans.REFERENCE, arm)):
        return "not matched"
    both = [study.confirmed[task, name, a] for a in (plans.REFERENCE, arm)]
    if quantity := plans.MATCHINGS[name]:
        low, high = sorted(mean(values(runs, quantity)) for runs in both)
        if high - low > study.plan["match_tolerance"] * high:
            return "not matched"
    if all(sum(r["collapsed"] for r in runs) > len(runs) / 2 for runs in both):
        return "both collapse"
    if all(mean(values(runs, "final")) > SATURATED for runs in both):
        return "both are saturated"
    return ""


def compared(study, questions, tasks, quantity, corrected):
    """The comparisons of a family; their intervals hold together and Holm corrects their p-values if `corrected`."""
    plan, found = study.plan, []
    cases = [(q, arm, task, name) for q, arm in questions.items() for task in tasks for name in plans.MATCHINGS
             if len(study.confirmed.get((task, name, arm), [])) >= 2]
    for question, arm, task, name in cases:
        pairs = zip(study.confirmed[task, name, plans.REFERENCE], study.confirmed[task, name, arm])
        apart = [a[quantity] - b[quantity] for a, b in pairs if None not in (a[quantity], b[quantity])]
        if len(apart) >= 2:
            found.append((question, task, name, fault_of(study, task, name, arm), inference.difference(
                apart, plan["level"], len(cases) if corrected else 1, plan["resamples"])))
    p_values = [d.p for *_, d in found]
    adjusted = inference.holm(p_values) if corrected else p_values
    return [Comparison(question, task, name, quantity, d, p,
                       (fault or inference.verdict(d, p, plan["level"], plan["smallest_difference"])) if corrected
                       else "")
            for (question, task, name, fault, d), p in zip(found, adjusted)]


def families(study):
    control = [task for task in study.plan["tasks"] if task not in study.plan["dependent_tasks"]]
    dependent, every = study.plan["dependent_tasks"], list(study.plan["tasks"])
    return {
        "main": compared(study, QUESTIONS, dependent, "final", corrected=True),
        "control": compared(study, QUESTIONS, control, "final", corrected=True),
        "other rules": compared(study, ALSO_COMPARED, every, "final", corrected=True),
        "other quantities": [c for quantity in ("area", "base_nll", "mean_drift") for c in compared(
            study, QUESTIONS | ALSO_COMPARED, every, quantity, corrected=False)],
    }


def answers(study):
    """{question: (word, its comparisons)}; the word is "not run yet" without comparisons of all cells."""
    cells = len(study.plan["dependent_tasks"]) * len(plans.MATCHINGS)
    found = {}
    for question in QUESTIONS:
        of = [c for c in study.families["main"] if c.question == question]
        found[question] = (inference.answer([c.verdict for c in of]) if len(of) == cells else "not run yet", of)
    return found


def setting_text(asked, task):
    changed = [f"{key} {asked[key]}" for key in ("passes", "stale") if asked[key] != task[key]]
    return ", ".join(changed) or "as confirmed"


def explored(plan, results, picked):
    if any((task, arm) not in picked for arm in plan["arms"] for task in plan["explored_tasks"]
           if plan["arms"][arm]["grid"]):
        return {}
    found = {}
    for run in plans.exploration(plan, picked):
        if run.asked in results:
            line = results[run.asked]
            setting = setting_text(line["asked"], plan["tasks"][run.task])
            found.setdefault((run.task, run.arm, setting), []).append(line)
    return found


def deviations(study, seeds):
    """What is not as planned, as sentences."""
    plan, results, found = study.plan, study.results, []
    found += [f"{arm} was left out: {why}." for arm, why in plan.get("left_out", {}).items()]
    found += [f"{task}: {n} of {planned} evaluated seeds are whole; only these count." for task, n in seeds.items()
              if n < (planned := len(plans.confirm_seeds(plan, task)))]
    for (task, arm), pairs in study.picked.items():
        found += [f"{task}, {arm}: no strength of the grid gives {name}; {s} comes closest." for name, (s, reached)
                  in pairs.items() if name in plans.MATCHINGS and not reached]
        if arm == plans.REFERENCE:
            found += [f"{task}: some arm never has the {name[6:]} of tuned {arm}; all are compared at the nearest that "
                      "all have." for name, (s, _) in pairs.items()
                      if name in plans.MATCHINGS and s != pairs["tuned"][0]]
        grid = [plans.number(s) for s in plan["arms"][arm]["grid"]]
        if pairs["tuned"][0] in (grid[0], grid[-1]):
            found.append(f"{task}, {arm}: the tuned strength {pairs['tuned'][0]} is an end of its grid.")
    if getattr(results, "differing", []):
        found.append(f"{len(results.differing)} runs were made twice and came out in two ways; the first counts.")
    kinds = {(r["settings"]["format"], r["settings"]["fused"]) for r in results.values()}
    if len(kinds) > 1:
        found.append("Runs are of processors with and without fused multiply-add, or of two forms of the program.")
    return found


def read(plan, results):
    """What the results say under the plan, however many of its runs are there."""
    study = Study(plan, results, plans.chosen(plan, results))
    seeds = {}
    if all(set(plans.MATCHINGS) <= set(study.picked.get((task, arm), {})) for arm in plan["confirmed"]
           for task in plan["tasks"]):
        for task in plan["tasks"]:
            whole = whole_seeds(plan, results, study.picked, task)
            seeds[task] = len(whole)
            for runs in whole.values():
                for (name, arm), line in runs.items():
                    study.confirmed.setdefault((task, name, arm), []).append(line)
    study.families = families(study)
    study.explored = explored(plan, results, study.picked)
    study.deviations = deviations(study, seeds)
    return study


def mean_curve(results, path):
    """Means over results of a list that stands at `path`, such as ("curve", "success")."""
    lists = []
    for r in results:
        for key in path:
            r = r[key]
        lists.append(r)
    return [mean(column) for column in zip(*lists) if None not in column]


