"""Makes runs, several at a time, each a process on one thread, and appends what they print."""

import concurrent.futures
import json
import subprocess
import sys
import time

import plan as plans


class Failed(Exception):
    """A run that did not end with a result; the text says which, and what the program said."""


def made(program, models, run):
    """The result of one run, as a line of the file."""
    command = [*program, *run.arguments(), "--threads", "1", "--models", str(models), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        if done.returncode == 0:
            return {"asked": json.loads(run.asked)} | json.loads(done.stdout)
    except ValueError:
        done.stderr += f"it printed: {done.stdout[:200]}"
    raise Failed(f"{' '.join(command)}\nends with {done.returncode}: {done.stderr.strip()}")


class Clock:
    """Estimates from the runs made so far, or the plan's seconds until there are any."""

    def __init__(self, plan, jobs, deadline):
        self.plan, self.jobs, self.deadline = plan, jobs, deadline
        self.planned, self.taken = {}, {}

    def learn(self, run, seconds):
        self.planned[run.task] = self.planned.get(run.task, 0.0) + plans.seconds(self.plan, run)
        self.taken[run.task] = self.taken.get(run.task, 0.0) + seconds

    def seconds(self, run):
        return plans.seconds(self.plan, run) * self.taken.get(run.task, 1.0) / self.planned.get(run.task, 1.0)

    def hours_left(self, runs):
        return sum(self.seconds(run) for run in runs) / self.jobs / 3600

    def has_time_for(self, run):
        return self.deadline is None or time.monotonic() + self.seconds(run) <= self.deadline


class LiveLine:
    """One line that is written over on a terminal; elsewhere a line a minute."""

    def __init__(self, stage, whole):
        self.stage, self.whole, self.last = stage, whole, 0.0

    def show(self, done, run, line, hours):
        text = (f"{self.stage} {done}/{self.whole}  {run.task}, {run.arm} {run.strength}, seed {run.seed}: success "
                f"{line['final']:.2f}, masked {100 * line['masked']:.0f} %; {hours:.1f} h left")
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="\n" if done == self.whole else "", file=sys.stderr, flush=True)
        elif time.monotonic() - self.last > 60 or done == self.whole:
            self.last = time.monotonic()
            print(text, file=sys.stderr, flush=True)


def make(plan, stage, runs, known, append, program, models, jobs, until=None):
    """Makes the runs that are not among `known`, in their order, and adds them. How many are left when time is up.

    A run that would probably end after `until`, by the monotonic clock, is not begun. `Failed` at the first that fails;
    those begun are kept.
    """
    left = [run for run in runs if run.asked not in known]
    clock = Clock(plan, jobs, until)
    live = LiveLine(stage, len(runs))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        begun, failure = {}, None
        while True:
            while (failure is None and left and len(begun) < jobs and clock.has_time_for(left[0])):
                run = left.pop(0)
                begun[pool.submit(made, program, models, run)] = (run, time.monotonic())
            if not begun:
                break
            ended, _ = concurrent.futures.wait(begun, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ended:
                run, since = begun.pop(future)
                try:
                    line = future.result()
                except Failed as e:
                    failure = e
                    continue
                clock.learn(run, time.monotonic() - since)
                append(line)
                known.add(line)
                going = [other for other, _ in begun.values()]
                live.show(len(runs) - len(left) - len(begun), run, line, clock.hours_left(left + going))
    if failure:
        raise failure
    return len(left)
