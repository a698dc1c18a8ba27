#!/usr/bin/env python3
"""Measures passes over logits beside loops that read or copy them, and beside logits_peers.py. A line of JSON a row.

    logits_rows.py --library PATH [--peers] [--compile WORDS] [--repeats N] [--seconds S] [--rows 64,256,1024]
                   [--ids 151936] [--threads 1] [--only WORDS]
"""

import argparse
import ctypes
import json
import mmap
import os
import random
import time

os.environ["OMP_NUM_THREADS"] = "1"

import bench_ctypes
from bench_ctypes import LogProbOutputs, Logits, Slopes
from interleave import interleave

K = 20
SIZE = {"float": 4, "bfloat16": 2}
ELEMENTS = {"float": 0, "bfloat16": 1}
IN_CACHE = (2, 32768)  # rows and ids


def pages(size):
    """Memory in pages of its own, huge ones if the system grants them."""
    memory = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def address(memory):
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


class Problem:
    """Rows of logits, 20 ids in each, and the calls on their memory."""

    def __init__(self, library, element, rows, ids, threads=1, seed=99):
        self.library, self.element, self.rows, self.ids, self.k = library, element, rows, ids, min(K, ids)
        self.bytes, self.threads, self.units = rows * ids * SIZE[element], threads, rows * ids
        self.logits, draw = pages(self.bytes), random.Random(seed)
        library.bench_fill_logits(ELEMENTS[element], self.units, seed, address(self.logits))
        self.id = (ctypes.c_int64 * rows)(*(draw.randrange(ids) for _ in range(rows)))
        self.listed = (ctypes.c_int64 * (rows * self.k))(*(draw.randrange(ids) for _ in range(rows * self.k)))
        self.largest = (ctypes.c_int64 * (rows * self.k))()
        self.slope = (ctypes.c_double * rows)(*(draw.uniform(0.2, 1.0) for _ in range(rows)))
        self.log_prob, self.entropy = (ctypes.c_float * rows)(), (ctypes.c_float * rows)()
        self.listed_log_prob = (ctypes.c_float * (rows * self.k))()
        self.total, self.tv, self.kl = ((ctypes.c_double * rows)() for _ in range(3))
        self.gradient = None

    def lent(self, k=0):
        return Logits(self.rows, self.ids, ELEMENTS[self.element], self.threads, address(self.logits),
                      ctypes.addressof(self.id), k, ctypes.addressof(self.listed))

    def poison(self):
        for memory in (self.log_prob, self.entropy, self.listed_log_prob, self.total, self.largest):
            ctypes.memset(memory, 0xA5, ctypes.sizeof(memory))

    def checked(self, function, *arguments):
        def run():  # holds self, and with it the memory that the arguments point to
            if function(*arguments) != 0:
                raise RuntimeError(f"{function.__name__} failed on {self.rows} rows of {self.element}")

        return run

    def log_probs(self, k=0, largest=0, times=1, **outputs):
        at = {name: ctypes.addressof(memory) for name, memory in outputs.items()}
        lent = LogProbOutputs(at.get("log_prob"), at.get("listed"), at.get("entropy"), at.get("total"), largest,
                              ctypes.addressof(self.largest) if largest else None)
        return self.checked(self.library.bench_log_probs, self.lent(k), lent, times)

    def forward(self):
        return self.log_probs(log_prob=self.log_prob)

    def lists(self):
        return self.log_probs(k=self.k, log_prob=self.log_prob, listed=self.listed_log_prob, entropy=self.entropy)

    def backward(self, in_place=False):
        self.gradient = self.gradient or pages(self.bytes)
        lent = self.lent()
        if in_place:
            lent.logits = address(self.gradient)
        of = Slopes(ctypes.addressof(self.slope), ctypes.addressof(self.total), None, 0.0)
        return self.checked(self.library.bench_logits_gradient, lent, of, address(self.gradient))

    def both_ways(self):
        steps = self.log_probs(log_prob=self.log_prob, total=self.total), self.backward()
        return lambda: [step() for step in steps]

    def divergence(self, other, kl=False):
        self.log_probs(total=self.total)()
        other.log_probs(total=other.total)()
        at = ctypes.addressof
        return self.checked(self.library.bench_full_divergences, self.lent(), at(self.total), other.lent(),
                            at(other.total), at(self.tv), at(self.kl) if kl else None)

    def read(self):
        return lambda: self.library.bench_read_bytes(address(self.logits), self.bytes)

    def copy(self):
        return lambda: self.library.bench_copy_bytes(address(self.gradient), address(self.logits), self.bytes)


def measure(row, contenders, problem, arguments, units=None, prepare=None):
    """Times and prints a row: processor time, which is that of one thread unless more are asked for."""
    clock = time.process_time_ns if arguments.threads == 1 else time.perf_counter_ns
    timing = interleave(contenders, prepare or problem.poison, units or problem.units, arguments, clock=clock)
    print(json.dumps({**row, **timing}), flush=True)


# ---- beside loops that only read or copy ------------------------------------------------------------------------


def pass_row(library, element, rows, arguments):
    p = Problem(library, element, rows, arguments.ids, arguments.threads)
    contenders = {"read": p.read(), "log_prob": p.forward(),
                  "K = 20 ids": p.log_probs(k=p.k, log_prob=p.log_prob, listed=p.listed_log_prob),
                  "entropy": p.log_probs(log_prob=p.log_prob, entropy=p.entropy),
                  "20 largest": p.log_probs(log_prob=p.log_prob, largest=p.k)}
    measure({"suite": "logits_passes", "name": f"{element}, {rows} rows", "element": element, "rows": rows}, contenders,
            p, arguments)


def gradient_row(library, element, rows, arguments):
    p, other = (Problem(library, element, rows, arguments.ids, arguments.threads, seed) for seed in (99, 7))
    contenders = {"copy": p.copy(), "gradient": p.backward(), "in place": p.backward(in_place=True),
                  "full TV": p.divergence(other), "TV and KL": p.divergence(other, kl=True)}
    measure({"suite": "logits_gradients", "name": f"{element}, {rows} rows", "element": element, "rows": rows},
            contenders, p, arguments, prepare=lambda: None)


def cache_row(library, arguments, times=20):
    """What arithmetic costs, in units of xsimd's exponential in the first-level cache."""
    rows, ids = IN_CACHE
    x, y = ((ctypes.c_float * 2048)(*([-3.3] * 2048)) for _ in range(2))
    passes = rows * ids * times // 2048
    contenders = {"exp": lambda: library.bench_exp(x, y, 2048, passes)}
    for element in ELEMENTS:
        p = Problem(library, element, rows, ids)
        contenders[f"{element} log_prob"] = p.log_probs(times=times, log_prob=p.log_prob)
        contenders[f"{element} entropy"] = p.log_probs(times=times, log_prob=p.log_prob, entropy=p.entropy)
    measure({"suite": "logits_in_cache", "name": f"{rows} x {ids}"}, contenders, p, arguments, rows * ids * times)


# ---- beside PyTorch ---------------------------------------------------------------------------------------------


def torch_row(library, peers, element, rows, task, arguments):
    p = Problem(library, element, rows, arguments.ids, arguments.threads)
    call = {"forward": p.forward, "lists": p.lists, "gradient": p.both_ways}[task]()
    row = {"suite": "logits", "name": f"{task}, {element}, {rows} rows", "task": task, "element": element, "rows": rows,
           "ids": arguments.ids}
    steps, row["agreement"] = peers.of_row(row, p, call)
    measure({**row, **peers.versions()}, {"cppo": call, **steps}, p, arguments)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--compile", default="", help="under torch.compile too: rows with one of these words in their "
                        "name; `nothing` is in no name")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--rows", default="64,256,1024")
    parser.add_argument("--ids", type=int, default=151936)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="rows with one of these words in their name")
    arguments = parser.parse_args()
    library = bench_ctypes.load_logits(arguments.library)
    wanted = lambda name: any(word in name for word in arguments.only.split(","))
    every = [(element, int(rows)) for rows in arguments.rows.split(",") for element in ELEMENTS]
    if wanted("cache"):
        cache_row(library, arguments)
    for element, rows in every:  # before PyTorch, which leaves caches as no trainer without it finds them
        for name, row in (("passes", pass_row), ("gradients", gradient_row)):
            if wanted(f"{name}, {element}, {rows} rows"):
                row(library, element, rows, arguments)
    if not arguments.peers:
        return
    import logits_peers_rows  # needs PyTorch
    peers = logits_peers_rows.Peers(arguments.compile.split(","))
    for element, rows in every:
        for task in ("forward", "lists", "gradient"):
            if wanted(f"{task}, {element}, {rows} rows"):
                torch_row(library, peers, element, rows, task, arguments)


if __name__ == "__main__":
    main()
