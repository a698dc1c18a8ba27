"""Which runs the study makes, in which order, and what it knows of them beforehand. All numbers are in plan.json."""

import dataclasses
import json
from pathlib import Path

import matching

STAGES = ("tune", "confirm", "explore")
# How the strengths of two arms are made comparable. The first compares rules as one would use them; the others compare
# where they mask, at equal amounts.
MATCHINGS = {"tuned": None, "equal masked share": "masked", "equal mean drift": "mean_drift"}
REFERENCE = "CPPO"
SETTINGS = ("steps", "every", "responses", "group", "minibatches", "passes", "stale", "learning_rate", "lessons",
            "evaluated")


@dataclasses.dataclass(frozen=True)
class Run:
    """One run: what it is for, and what the program is asked. Two that ask the same are one run."""
    stage: str
    task: str
    arm: str
    matching: str
    strength: str  # as text, so that it is the same everywhere
    seed: int
    asked: str  # JSON, keys sorted: what identifies a line of results

    def arguments(self):
        given = json.loads(self.asked)
        return [word for key, value in given.items() for word in (f"--{key.replace('_', '-')}", str(value))
                if not (key == "lessons" and value == 0)]


def read(path=Path(__file__).with_name("plan.json")):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def number(x):
    """A strength as the texts of regions have it: four digits, and no exponent for what the grids hold."""
    return f"{x:.4g}"


def region(plan, arm, strength):
    return plan["arms"][arm]["region"].format(s=strength, tenth=number(float(strength or 0) / 10))


def a_run(plan, stage, task, arm, matching_name, strength, seed, setting=()):
    asked = {key: plan["tasks"][task][key] for key in SETTINGS} | dict(setting)
    asked |= {"task": task, "region": region(plan, arm, strength), "seed": seed}
    return Run(stage, task, arm, matching_name, strength, seed, json.dumps(asked, sort_keys=True))


def confirm_seeds(plan, task):
    return range(1, plan["seeds"]["confirm"][task] + 1)


def tasks_of(plan, arm):
    """A confirmed arm is tuned on every task, the others where they are explored."""
    return [task for task in plan["tasks"] if arm in plan["confirmed"] or task in plan["explored_tasks"]]


def tuning(plan, arms=None):
    """All arms at all strengths with the first seed, then with the next."""
    arms = arms or plan["arms"]
    longest = max(len(plan["arms"][arm]["grid"]) for arm in arms)
    return [a_run(plan, "tune", task, arm, "", number(strength), seed)
            for seed in plan["seeds"]["tune"] for place in range(longest)
            for task in plan["tasks"] for arm in arms if task in tasks_of(plan, arm)
            for strength in plan["arms"][arm]["grid"][place:place + 1]]


def tuned_points(plan, results, task, arm):
    """[(strength, the results of its seeds)] of the grid, or None while one is missing."""
    runs = [run for run in tuning(plan, [arm]) if run.task == task]
    if any(run.asked not in results for run in runs):
        return None
    return [(strength, [results[run.asked] for run in runs if run.strength == number(strength)])
            for strength in plan["arms"][arm]["grid"]]


def chosen(plan, results):
    """{(task, arm): {matching: (strength as text, True if reached)}} of all arms that are tuned."""
    found = {}
    for arm in plan["arms"]:
        for task in tasks_of(plan, arm):
            points = tuned_points(plan, results, task, arm)
            if points:
                found[task, arm] = {"tuned": (number(matching.best(points, "final")), True)}
    for task in plan["tasks"]:
        if all((task, arm) in found for arm in plan["confirmed"]):
            for name, quantity in MATCHINGS.items():
                if quantity:
                    match(plan, results, found, task, name, quantity)
    return found


def grid_curve(plan, results, task, arm, quantity):
    return {float(s): matching.mean(r[quantity] for r in runs)
            for s, runs in tuned_points(plan, results, task, arm)}


def target(plan, curves, strength):
    """What the reference has at its tuned strength, or, if a matched arm never has that much, the nearest all have."""
    own = next(value for s, value in curves[REFERENCE] if number(s) == strength)
    ranges = [[value for _, value in curves[arm]] for arm in plan["matched"]]
    low, high = max(map(min, ranges)), min(map(max, ranges))
    return own if low > high else min(max(own, low), high)


def trials(plan, task, arm, name, strength):
    """The strength between points of the grid that was read off it, on the seeds of tuning."""
    return [a_run(plan, "tune", task, arm, name, strength, seed) for seed in plan["seeds"]["tune"]]


def match(plan, results, found, task, name, quantity):
    """Adds the strengths of a matching: read off the grid, tried, and read off again with what the trial gave.

    The reference keeps its tuned strength where all arms reach what it has. An arm that is not tried yet has its first
    strength under "try " and the matching's name.
    """
    curves = {arm: grid_curve(plan, results, task, arm, quantity) for arm in plan["confirmed"]}
    wanted = target(plan, {arm: list(curve.items()) for arm, curve in curves.items()},
                    found[task, REFERENCE]["tuned"][0])
    for arm, curve in curves.items():
        near = float(found[task, arm]["tuned"][0])
        first = number(matching.strength_at(list(curve.items()), wanted, near)[0])
        runs = trials(plan, task, arm, name, first)
        found[task, arm]["try " + name] = (first, True)
        if all(run.asked in results for run in runs):
            curve[float(first)] = matching.mean(results[run.asked][quantity] for run in runs)
            strength, reached = matching.strength_at(sorted(curve.items()), wanted, near)
            found[task, arm][name] = (number(strength), reached)


def confirmation(plan, picked):
    """All arms and matchings with one seed of a task, then with another: to stop early leaves whole seeds.

    Each task has the same share of its seeds by then.
    """
    ordered = sorted((seed / len(confirm_seeds(plan, task)), place, seed, task)
                     for place, task in enumerate(plan["tasks"]) for seed in confirm_seeds(plan, task))
    return [a_run(plan, "confirm", task, arm, name, picked[task, arm][name][0], seed) for _, _, seed, task in ordered
            for name in MATCHINGS for arm in plan["confirmed"]]


def exploration(plan, picked):
    """Other arms at their tuned strength, and the confirmed ones under more or older data."""
    runs = []
    for seed in plan["seeds"]["explore"]:
        for task in plan["explored_tasks"]:
            for arm in plan["arms"]:
                strength = picked[task, arm]["tuned"][0] if plan["arms"][arm]["grid"] else ""
                settings = [{}] + (plan["settings"] if arm in plan["confirmed"] or arm == "none" else [])
                runs += [a_run(plan, "explore", task, arm, "tuned", strength, seed, setting.items())
                         for setting in settings]
    return runs


def tune_runs(plan, results, picked):
    """The grids of the confirmed arms; and once they are there the trials of matchings, and the grids of the others."""
    first = tuning(plan, plan["confirmed"])
    if any(run.asked not in results for run in first):
        return first
    tried = [run for task in plan["tasks"] for arm in plan["confirmed"] for name, quantity in MATCHINGS.items()
             if quantity for run in trials(plan, task, arm, name, picked[task, arm]["try " + name][0])]
    return first + tried + tuning(plan, [arm for arm in plan["arms"] if arm not in plan["confirmed"]])


def runs_of(plan, stage, results):
    """The runs of a stage, each once, in their order; ValueError if the stage before it is not complete."""
    picked = chosen(plan, results)
    if stage == "tune":
        runs = tune_runs(plan, results, picked)
    else:
        arms = plan["confirmed"] if stage == "confirm" else plan["arms"]
        missing = [f"{arm} on {task}" for arm in arms for task in tasks_of(plan, arm) if plan["arms"][arm]["grid"]
                   and not set(MATCHINGS if stage == "confirm" else ["tuned"]) <= set(picked.get((task, arm), {}))]
        if missing:
            raise ValueError(f"{len(missing)} arms of tasks are not tuned, the first is {missing[0]}; first make the "
                             "runs of --stage tune")
        runs = confirmation(plan, picked) if stage == "confirm" else exploration(plan, picked)
    return list({run.asked: run for run in reversed(runs)}.values())[::-1]


def seconds(plan, run):
    """What a run takes on one core, by the plan: half of a step is proportional to its passes."""
    given, asked = plan["tasks"][run.task], json.loads(run.asked)
    return given["seconds"] * (0.4 + 0.6 * asked["passes"] / given["passes"]) * asked["steps"] / given["steps"]


def budget(plan):
    """[(stage, runs, core hours)], with strengths that all differ: the most that it can take."""
    picked = {(task, arm): {name: (number(1 + k + i / 10), True) for k, name in enumerate(MATCHINGS)}
              for i, arm in enumerate(plan["arms"]) for task in plan["tasks"]}
    rows = []
    tried = [run for (task, arm), pairs in picked.items() if arm in plan["confirmed"] for name, (s, _) in pairs.items()
             if MATCHINGS[name] for run in trials(plan, task, arm, name, s)]
    for stage, runs in (("tune", tuning(plan) + tried), ("confirm", confirmation(plan, picked)),
                        ("explore", exploration(plan, picked))):
        once = {run.asked: run for run in runs}.values()
        rows.append((stage, len(once), sum(seconds(plan, run) for run in once) / 3600))
    return rows
