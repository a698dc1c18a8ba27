#!/usr/bin/env python3
"""The study's scripts: on recorded runs of fixtures/plan.json, and on numbers whose answers are known.

    study_test.py                 the tests
    study_test.py --refresh       writes what the report makes of the recorded runs, after a change of the report
"""

import contextlib
import hashlib
import io
import json
import math
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import analysis
import inference
import matching
import pictures
import plan as plans
import report
import runner
import store
import study

HERE = Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures"

# Answers any run from its arguments, and fails for seed 13.
STAND_IN = """#!/usr/bin/env python3
import json, sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if given["--seed"] == "13":
    sys.exit("no luck")
print(json.dumps({"final": len(given["--region"]) / 200, "masked": 0.25, "seed": int(given["--seed"])}))
"""


def recorded():
    return plans.read(FIXTURES / "plan.json"), store.read(FIXTURES / "runs.jsonl.gz")


def pages():
    """What the report makes of the recorded runs: {name: digest}, and the page of results."""
    found = analysis.read(*recorded())
    texts = {**report.all_pictures(found), "report.html": report.html_page(found)}
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    return digests, report.results_page(found, "images")


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.runs = self.folder / "runs.jsonl"


class Store(Folder):
    line = {"asked": {"seed": 1}, "final": 0.5, "seconds": {"all": 1.0}}

    def write(self, *lines, torn=""):
        self.runs.write_text("".join(json.dumps(x) + "\n" for x in lines) + torn)

    def test_a_line_cut_short_is_no_result_and_goes_before_the_next(self):
        self.write(self.line, torn='{"asked":{"seed":2},"fin')
        self.assertEqual(list(store.read(self.runs)), ['{"seed": 1}'])
        with store.opened(self.runs) as append:
            append({"asked": {"seed": 2}, "final": 0.25})
        lines = self.runs.read_text().splitlines()
        self.assertEqual([json.loads(x)["final"] for x in lines], [0.5, 0.25])

    def test_of_duplicates_the_first_counts_and_another_outcome_is_told(self):
        self.write(self.line, self.line | {"seconds": {"all": 2.0}})
        found = store.read(self.runs)
        self.assertEqual((len(found), found.duplicates, found.differing), (1, 1, []))
        self.write(self.line, self.line | {"final": 0.75})
        found = store.read(self.runs)
        self.assertEqual((found['{"seed": 1}']["final"], found.differing), (0.5, ['{"seed": 1}']))

    def test_a_broken_line_is_named(self):
        for broken in ("{oops\n", '{"final": 1}\n', "17\n"):
            self.runs.write_text(json.dumps(self.line) + "\n" + broken)
            with self.assertRaisesRegex(ValueError, r"runs\.jsonl:2: not a result.*delete the line"):
                store.read(self.runs)

    def test_one_program_at_a_time(self):
        with store.opened(self.runs):
            with self.assertRaises(BlockingIOError), store.opened(self.runs):
                pass

    def test_packed_bytes_depend_on_no_order(self):
        one, two = store.Results(), store.Results()
        other = {"asked": {"seed": 2}, "final": 0.125}
        for found, lines in ((one, (self.line, other)), (two, (other, self.line))):
            for line in lines:
                found.add(line)
        self.assertEqual(store.packed(one), store.packed(two))
        (self.folder / "kept.gz").write_bytes(store.packed(one))
        self.assertEqual(store.read(self.folder / "kept.gz"), one)


class Runner(Folder):
    def setUp(self):
        super().setUp()
        self.program = self.folder / "program"
        self.program.write_text(STAND_IN)
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)
        self.plan = plans.read(FIXTURES / "plan.json")
        self.all = plans.tuning(self.plan)[:6]

    def make(self, runs, until=None, jobs=2):
        known = store.read(self.runs)
        before = len(known)
        with store.opened(self.runs) as append, contextlib.redirect_stderr(io.StringIO()):
            left = runner.make(self.plan, "tune", runs, known, append, [sys.executable, str(self.program)],
                               self.folder, jobs, until)
        return left, len(known) - before

    def test_makes_what_is_missing_and_no_more(self):
        self.assertEqual(self.make(self.all[:4]), (0, 4))
        data = self.runs.read_bytes()
        self.runs.write_bytes(data[:-9])  # as if the last line had been interrupted
        self.assertEqual(self.make(self.all), (0, 3))
        self.assertEqual(self.make(self.all), (0, 0))
        self.assertEqual(set(store.read(self.runs)), {run.asked for run in self.all})

    def test_begins_nothing_that_would_end_too_late(self):
        self.assertEqual(self.make(self.all, until=time.monotonic()), (6, 0))

    def test_a_run_that_fails_is_named_and_the_others_are_kept(self):
        bad = plans.a_run(self.plan, "tune", "registers", "CPPO", "", "0.01", 13)
        with self.assertRaisesRegex(runner.Failed, "--seed 13 .*\n.*no luck"):
            self.make([*self.all[:2], bad, *self.all[2:]], jobs=1)
        self.assertEqual(len(store.read(self.runs)), 2)

    def test_estimates_learn_from_what_runs_took(self):
        clock = runner.Clock(self.plan, 2, None)
        run = self.all[0]
        self.assertAlmostEqual(clock.hours_left([run] * 4), 4 * 0.2 / 2 / 3600)
        clock.learn(run, 0.6)
        self.assertAlmostEqual(clock.seconds(run), 0.6)


class Plan(unittest.TestCase):
    def test_every_prefix_of_the_confirmation_is_balanced(self):
        plan, results = recorded()
        runs = plans.runs_of(plan, "confirm", results)
        first = [run for run in runs if run.seed == 1]
        self.assertEqual(runs[:len(first)], first)
        self.assertEqual({(r.task, r.arm) for r in first}, {(t, a) for t in plan["tasks"] for a in plan["confirmed"]})

    def test_stages_share_no_seed(self):
        plan = plans.read()
        for task in plan["tasks"]:
            seeds = [set(plan["seeds"]["tune"]), set(plans.confirm_seeds(plan, task)), set(plan["seeds"]["explore"])]
            self.assertEqual(len(set.union(*seeds)), sum(map(len, seeds)))
            self.assertGreaterEqual(len(seeds[1]), 20)

    def test_where_confirmation_stops_tasks_have_the_same_share_of_their_seeds(self):
        plan, results = recorded()
        few, many = list(plan["tasks"])[:2]
        plan["seeds"]["confirm"] |= {few: 4, many: 8}
        runs = plans.runs_of(plan, "confirm", results)
        for i in range(len(runs)):
            reached = [max([run.seed for run in runs[:i] if run.task == task], default=0) / share
                       for task, share in ((few, 4), (many, 8))]
            self.assertLessEqual(abs(reached[0] - reached[1]), 0.25)

    def test_all_confirmed_arms_are_tuned_by_as_many_runs_and_so_are_the_others(self):
        plan = plans.read()
        counts = {}
        for run in plans.tuning(plan):
            counts[run.task, run.arm] = counts.get((run.task, run.arm), 0) + 1
        for arms, places in ((plan["confirmed"], 9), (set(plan["arms"]) - {"none", *plan["confirmed"]}, 7)):
            self.assertEqual({n for (_, arm), n in counts.items() if arm in arms},
                             {places * len(plan["seeds"]["tune"])})
        self.assertEqual({arm for _, arm in counts} | {"none"}, set(plan["arms"]))

    def test_a_stage_waits_for_the_one_before(self):
        with self.assertRaisesRegex(ValueError, "15 arms of tasks are not tuned, the first is CPPO on stories"):
            plans.runs_of(plans.read(), "confirm", {})

    def test_numbers_of_regions(self):
        plan = plans.read()
        self.assertEqual(plans.region(plan, "CPPO", "0.15"), "fixed_cppo(0.15, 0.015, 0.8)")
        self.assertEqual(plans.region(plan, "none", ""), "unrestricted")

    def test_the_reference_keeps_its_strength_where_all_reach_what_it_has(self):
        plan = {"matched": ["CPPO", "DPPO"]}
        curves = {"CPPO": [(0.1, 0.5), (0.2, 0.3), (0.4, 0.1)], "DPPO": [(0.01, 0.4), (0.1, 0.2)]}
        self.assertEqual(plans.target(plan, curves, "0.2"), 0.3)
        self.assertEqual(plans.target(plan, curves, "0.1"), 0.4)  # DPPO never has 0.5
        self.assertEqual(plans.target(plan, curves, "0.4"), 0.2)
        curves["DPPO"] = [(0.01, 0.9), (0.1, 0.8)]
        self.assertEqual(plans.target(plan, curves, "0.2"), 0.3)  # nothing that both have


class Matching(unittest.TestCase):
    def test_linear_in_the_logarithm(self):
        strength, reached = matching.strength_at([(0.01, 0.4), (1.0, 0.2)], 0.3, 1.0)
        self.assertAlmostEqual(strength, 0.1)
        self.assertTrue(reached)

    def test_of_several_places_the_nearest_by_ratio(self):
        curve = [(1.0, 0.0), (4.0, 1.0), (16.0, 0.0)]
        self.assertAlmostEqual(matching.strength_at(curve, 0.5, 1.5)[0], 2.0)
        self.assertAlmostEqual(matching.strength_at(curve, 0.5, 9.0)[0], 8.0)
        self.assertEqual(matching.strength_at(curve, 1.0, 9.0), (4.0, True))

    def test_out_of_reach_the_closest_and_told(self):
        self.assertEqual(matching.strength_at([(1.0, 0.2), (2.0, 0.3)], 0.5, 1.0), (2.0, False))

    def test_best_is_the_highest_mean_and_of_equals_the_smallest(self):
        points = [(0.4, [{"final": 0.5}]), (0.1, [{"final": 0.25}, {"final": 0.75}]), (0.8, [{"final": 0.125}])]
        self.assertEqual(matching.best(points, "final"), 0.1)


class Inference(unittest.TestCase):
    def test_intervals_cover_the_true_mean(self):
        """Of skewed differences too; 400 studies of 20 seeds, so that 5 % and 1 % are told from 10 % and 5 %."""
        draw, covered, together, cases = random.Random(7), 0, 0, 400
        for case in range(cases):
            shifted = [0.1 + (draw.gauss(0, 0.07) if case % 2 else draw.expovariate(20) - 0.05) for _ in range(20)]
            found = inference.difference(shifted, 0.05, 5, 500, seed=case)
            covered += found.low <= 0.1 <= found.high
            together += found.low_together <= 0.1 <= found.high_together
        self.assertTrue(0.915 <= covered / cases <= 0.98, covered / cases)
        self.assertTrue(0.97 <= together / cases <= 1.0, together / cases)

    def test_p_values_of_no_difference_are_uniform(self):
        draw = random.Random(11)
        small = [inference.difference([draw.gauss(0, 1) for _ in range(20)], 0.05, 1, 300, k).p for k in range(400)]
        self.assertTrue(0.02 <= sum(p <= 0.05 for p in small) / 400 <= 0.085)
        self.assertTrue(0.43 <= sum(p <= 0.5 for p in small) / 400 <= 0.57)

    def test_the_same_numbers_give_the_same_interval(self):
        values = [0.1, 0.2, -0.05, 0.3]
        self.assertEqual(inference.difference(values, 0.05, 2, 200), inference.difference(values, 0.05, 2, 200))

    def test_without_spread(self):
        self.assertEqual(inference.difference([0.0] * 5, 0.05, 2, 99).p, 1.0)
        found = inference.difference([0.25] * 5, 0.05, 2, 99)
        self.assertEqual((found.low, found.high, found.p), (0.25, 0.25, 0.01))

    def test_effect_size(self):
        found = inference.difference([1.0, 2.0, 3.0, 4.0], 0.05, 1, 99)
        self.assertAlmostEqual(found.effect, 2.5 / math.sqrt(5 / 3) * (1 - 3 / 11))

    def test_holm(self):
        """The example of Holm's procedure in R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")."""
        for found, known in zip(inference.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]):
            self.assertAlmostEqual(found, known)
        self.assertEqual(inference.holm([0.9, 0.8]), [1.0, 1.0])

    def test_verdicts(self):
        def of(mean, low, high):
            return inference.Difference(20, mean, low, high, low, high, 0.5, 0.0)
        self.assertEqual(inference.verdict(of(0.1, 0.02, 0.18), 0.01, 0.05, 0.05), "helps")
        self.assertEqual(inference.verdict(of(-0.1, -0.18, -0.02), 0.01, 0.05, 0.05), "harms")
        for p in (0.5, 0.001):  # even if it is no chance
            self.assertEqual(inference.verdict(of(0.02, -0.03, 0.04), p, 0.05, 0.05), "does not matter")
        self.assertEqual(inference.verdict(of(-0.05, -0.2, 0.04), 0.5, 0.05, 0.05), "does not help")
        self.assertEqual(inference.verdict(of(0.01, -0.03, 0.06), 0.5, 0.05, 0.05), "cannot be told")

    def test_answers(self):
        self.assertEqual(inference.answer(["helps", "cannot be told"]), "helps")
        self.assertEqual(inference.answer(["helps", "harms"]), "helps on some and harms on others")
        self.assertEqual(inference.answer(["harms", "not matched"]), "harms")
        self.assertEqual(inference.answer(["does not matter", "does not help"]), "does not help")
        self.assertEqual(inference.answer(["does not matter", "not matched"]), "cannot be told")

    def test_power(self):
        """Textbook: two-sided 5 %, power 80 %, an effect of half a deviation: 32 by the normal approximation."""
        self.assertEqual(inference.seeds_needed(1.0, 0.5, 0.05, 1, 0.8), 32)
        self.assertAlmostEqual(inference.detectable(1.0, 32, 0.05, 1, 0.8), 0.495, places=3)


class Report(unittest.TestCase):
    def test_is_made_again_byte_for_byte(self):
        digests, results = pages()
        self.assertEqual(results, (FIXTURES / "results.md").read_text(encoding="utf-8"))
        self.assertEqual(digests, json.loads((FIXTURES / "digests.json").read_text()))

    def test_the_numbers_of_a_row_by_hand(self):
        plan, results = recorded()
        found = analysis.read(plan, results)
        row = next(c for c in found.families["main"] if (c.question, c.matching) == ("budget", "tuned"))
        by_seed = {}
        for line in results.values():
            region, seed = line["asked"]["region"], line["asked"]["seed"]
            if line["asked"]["task"] == "registers" and seed <= 4:
                by_seed.setdefault(region, {})[seed] = line["final"]
        cppo = by_seed["fixed_cppo(0.003, 0.0003, 0.8)"]
        other = by_seed["trust_region(binary_tv, linear_weight(0.8), toward_rollout | divergence_within(0.003))"]
        self.assertAlmostEqual(row.found.mean, sum(cppo[s] - other[s] for s in range(1, 5)) / 4)

    def test_of_a_seed_that_is_not_whole_nothing_counts(self):
        plan, results = recorded()
        gone = next(run for run in plans.runs_of(plan, "confirm", results) if run.seed == 4)
        del results[gone.asked]
        found = analysis.read(plan, results)
        self.assertEqual({len(runs) for (task, _, _), runs in found.confirmed.items() if task == gone.task}, {3})
        self.assertIn(f"{gone.task}: 3 of 4 evaluated seeds are whole; only these count.", found.deviations)

    def test_where_both_collapse_nothing_can_be_told(self):
        plan, results = recorded()
        for line in results.values():
            line["collapsed"] = True
        verdicts = {c.verdict for c in analysis.read(plan, results).families["main"]}
        self.assertEqual(verdicts, {"both collapse", "not matched"})

    def test_without_runs(self):
        found = analysis.read(plans.read(), store.Results())
        self.assertEqual(report.answer_lines(found),
                         ["- **The weight**: not run yet.", "- **The budget**: not run yet."])
        self.assertEqual(report.all_pictures(found), {})
        self.assertIn("Does it matter?", report.html_page(found))

    def test_the_pages_of_the_repository_are_those_of_its_runs(self):
        texts = [(study.TOP / f"docs/study/{name}.md").read_text(encoding="utf-8") for name in ("plan", "answer")]
        found = analysis.read(plans.read(), store.read(HERE / "runs.jsonl.gz"))
        for name, text in report.published(found, *texts).items():
            self.assertEqual((study.TOP / name).read_text(encoding="utf-8"), text,
                             f"{name} is not what `./run study --publish` writes")

    def test_a_page_without_its_place_is_told(self):
        with self.assertRaisesRegex(ValueError, "answer: "):
            report.with_block("# Page\n", "answer", ["text"])

    def test_ticks(self):
        self.assertEqual(pictures.ticks(0.0, 1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
        self.assertEqual(pictures.ticks(-0.11, 0.11), [-0.1, -0.05, 0.0, 0.05, 0.1])


class KnownWorlds(unittest.TestCase):
    """Made-up runs in which it is known what matters."""

    def line(self, run, success_of):
        noise = random.Random(run.asked).gauss(0, 0.02)
        has_budget = run.arm in ("CPPO", "without weight")
        masked = 0.6 * math.exp(-float(run.strength or 9) / (0.1 if has_budget else 0.03))
        final = success_of(masked, has_budget) + noise
        asked = json.loads(run.asked)
        return {"asked": asked, "settings": {"format": 1, "fused": True}, "final": final, "area": final,
                "masked": masked, "mean_drift": 1 - masked, "base_nll": 1.0, "collapsed": False,
                "curve": {"step": [0, 4], "success": [0.2, final]}, "by_position": {"divergence": [0.1, 0.2]}}

    def verdicts(self, success_of):
        plan = plans.read(FIXTURES / "plan.json")
        plan["seeds"]["confirm"] = dict.fromkeys(plan["tasks"], 30)
        for arm in plan["confirmed"]:
            plan["arms"][arm]["grid"] = plans.read()["arms"][arm]["grid"]
        results = store.Results()
        for stage in ("tune", *plans.STAGES):  # the first time the grids, then the trials
            for run in plans.runs_of(plan, stage, results):
                results.add(self.line(run, success_of))
        found = analysis.read(plan, results)
        return ({(c.question, c.matching): c.verdict for c in found.families["main"]},
                {question: word for question, (word, _) in analysis.answers(found).items()})

    def test_where_the_budget_helps_it_is_found_at_every_matching(self):
        verdicts, answers = self.verdicts(lambda masked, has_budget: 0.3 + 0.15 * has_budget)
        self.assertEqual(answers, {"weight": "does not help", "budget": "helps"})
        self.assertEqual({v for (q, _), v in verdicts.items() if q == "budget"}, {"helps"})
        self.assertEqual({v for (q, _), v in verdicts.items() if q == "weight"}, {"does not matter"})

    def test_where_only_the_share_counts_equal_shares_show_it(self):
        # The grids hold masked shares of 0.47, 0.33 and 0.13 with the budget, and of 0.51, 0.43, 0.26 and 0.08 without.
        verdicts, answers = self.verdicts(lambda masked, _: 0.8 - 2 * abs(masked - 0.33))
        self.assertEqual(answers["weight"], "does not help")
        self.assertEqual(verdicts["budget", "tuned"], "helps")
        self.assertEqual(verdicts["budget", "equal masked share"], "does not matter")
        self.assertEqual(verdicts["budget", "equal mean drift"], "does not matter")

    def test_where_it_harms(self):
        _, answers = self.verdicts(lambda masked, has_budget: 0.5 - 0.15 * has_budget)
        self.assertEqual(answers["budget"], "harms")


class Interrupted(Folder):
    def test_ctrl_c_keeps_what_is_whole(self):
        program = self.folder / "program"
        program.write_text(STAND_IN + "import time\nsys.stdout.flush()\ntime.sleep(30 * (given['--seed'] == '1002'))\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        command = [sys.executable, HERE / "study.py", "--plan", FIXTURES / "plan.json", "--runs", self.runs, "--kept",
                   self.folder / "none", "--program", program, "--stage", "tune"]
        child = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
        wanted = [run for run in plans.tuning(plans.read(FIXTURES / "plan.json")) if run.seed == 1001]
        first = [run for run in wanted if run.arm != "SAPO"]
        deadline = time.monotonic() + 60
        while len(store.read(self.runs)) < len(first) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(child.pid, signal.SIGINT)
        _, told = child.communicate(timeout=20)
        self.assertEqual(child.returncode, 130, told)
        self.assertIn(b"the same command goes on", told)
        self.assertEqual(set(store.read(self.runs)), {run.asked for run in first})


class Command(Folder):
    def run_command(self, *given):
        out, err = io.StringIO(), io.StringIO()
        given = ["study", "--runs", str(self.runs), "--out", str(self.folder / "out"), *given]
        with mock.patch.object(sys, "argv", given), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = study.main()
        return status, out.getvalue(), err.getvalue()

    def test_says_what_is_there(self):
        status, out, _ = self.run_command("--plan", str(FIXTURES / "plan.json"), "--kept",
                                          str(FIXTURES / "runs.jsonl.gz"))
        self.assertEqual(status, 0)
        self.assertRegex(out, r"tune: 94 of 94 runs.*\nconfirm: 100 of 100 runs.*\nexplore: 19 of 19 runs")

    def test_a_program_that_is_not_built(self):
        status, _, err = self.run_command("--stage", "tune", "--program", str(self.folder / "none"))
        self.assertEqual(status, 1)
        self.assertIn("is not built", err)


def refresh():
    digests, results = pages()
    (FIXTURES / "results.md").write_text(results, encoding="utf-8")
    (FIXTURES / "digests.json").write_text(json.dumps(digests, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--refresh"]:
        refresh()
    else:
        unittest.main()
