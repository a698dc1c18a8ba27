#!/usr/bin/env python3
"""Measures every named rule, beside the traffic of its inputs and beside rule_peers.py. One line of JSON for each row.

    rule_rows.py --library PATH [--peers] [--compile WORDS] [--repeats N] [--seconds S] [--shape 64x1024]
                 [--only WORDS]
"""

import argparse
import ctypes
import json
import math
import os
import random
import time

os.environ["OMP_NUM_THREADS"] = "1"

import bench_ctypes
from bench_ctypes import BFLOAT16, FLOAT, Data, Inputs, Lists, Outcome, Outputs
from interleave import interleave

SPREAD = 0.029  # as in problem.hpp
ELEMENTS = {"float": FLOAT, "bfloat16": BFLOAT16}
SIZE = {"float": 4, "bfloat16": 2}
USUAL_K, OTHER_KS = 20, (8, 64)
FORMS = ("top_k_tv_replace_last", "top_k_kl_replace_last", "top_k_tv_list", "top_k_kl_list")


class Rules:
    """The rules of a library: trust regions by region and divergence, those of the field by name."""

    def __init__(self, path):
        self.library = bench_ctypes.load_rules(path)
        self.infos = [pointer.contents for pointer in bench_ctypes.until_null(self.library.bench_rule_at)]
        of = lambda family: ((i, rule) for i, rule in enumerate(self.infos) if rule.family == family)
        self.index = {(rule.region.decode(), rule.divergence.decode()): i for i, rule in of(bench_ctypes.REGIONS)}
        self.field = {rule.region.decode(): i for i, rule in of(bench_ctypes.FIELD)}

    def names(self):
        divergences = bench_ctypes.until_null(self.library.bench_divergence_name)
        return {"regions": sorted({region for region, _ in self.index}),
                "divergences": [name.decode() for name in divergences]}


def memory(count, size):
    return (ctypes.c_char * max(count * size, 1))()


class Problem:
    """n tokens in both element types, and the calls on their memory. `k`: the length of the lists."""

    STREAMS = ("log_prob", "rollout_log_prob", "advantage", "divergence", "list_log_prob", "list_rollout_log_prob",
               "entropy", "reference_log_prob")
    READ_BY = {"divergence": bench_ctypes.READS_DIVERGENCE, "entropy": bench_ctypes.READS_ENTROPY,
               "reference_log_prob": bench_ctypes.READS_REFERENCE}

    def __init__(self, rules, responses, width, k=0, offsets=None):
        self.rules, self.k, self.responses, self.width = rules, k, responses, width
        self.n = responses * width if offsets is None else offsets[-1]
        self.offsets = None if offsets is None else (ctypes.c_int32 * len(offsets))(*offsets)
        self.valid = (ctypes.c_char * self.n)(*([1] * self.n)) if offsets is None else None
        self.gradient, self.mask = memory(self.n, 4), memory(self.n, 1)
        self.sampled, self.ids = memory(self.n, 8), memory(self.n * k, 8)
        self.streams = {"float": {name: memory(self.count(name), 4) for name in self.STREAMS}}
        self.fill(self.streams["float"])
        self.streams["bfloat16"] = {name: self.rounded(name, self.streams["float"][name]) for name in self.STREAMS}

    def count(self, name):
        return self.n * self.k if name.startswith("list") else self.n

    def fill(self, s):
        library = self.rules.library
        address = ctypes.addressof
        data = Data(*(address(s[name]) for name in self.STREAMS[:3]))
        library.bench_fill(self.n, 1, SPREAD, data)
        library.bench_fill_divergence(self.n, data, address(s["divergence"]))
        library.bench_fill_more(self.n, 5, SPREAD, data, address(s["entropy"]), address(s["reference_log_prob"]))
        lists = Lists(self.k, *map(address, (self.sampled, self.ids, s["list_log_prob"], s["list_rollout_log_prob"])))
        if self.k > 0:
            library.bench_fill_lists(self.n, 3, SPREAD, data, lists)

    def rounded(self, name, numbers):
        to = memory(self.count(name), 2)
        self.rules.library.bench_to_bfloat16(self.count(name), numbers, to)
        return to

    def inputs(self, element, reads, normalizer=None):
        s = {name: ctypes.addressof(numbers) for name, numbers in self.streams[element].items()}
        s |= {name: None for name, reader in self.READ_BY.items() if reads != reader}
        lists = reads == bench_ctypes.READS_LISTS
        at = lambda x: None if x is None else ctypes.addressof(x)
        return Inputs(self.responses, self.width, at(self.offsets), ELEMENTS[element], s["log_prob"],
                      s["rollout_log_prob"], s["advantage"], at(self.valid),
                      s["divergence"], self.k if lists else 0,
                      at(self.sampled) if lists else None, at(self.ids) if lists else None,
                      s["list_log_prob"] if lists else None, s["list_rollout_log_prob"] if lists else None,
                      s["entropy"], s["reference_log_prob"], normalizer or self.n)

    def bytes_of_token(self, element, reads):
        """What a call is lent and writes, for each token."""
        number = SIZE[element]
        lists = 8 + self.k * (8 + 2 * number) if reads == bench_ctypes.READS_LISTS else 0
        more = number if reads in self.READ_BY.values() else 0
        return 3 * number + (self.valid is not None) + more + lists + 4 + 1

    def poison(self):
        ctypes.memset(self.gradient, 0xA5, self.n * 4)
        ctypes.memset(self.mask, 0xA5, self.n)

    def call(self, index, element):
        """The call as a function without arguments, which returns what share of the tokens it kept."""
        info, outcome = self.rules.infos[index], Outcome()
        inputs = self.inputs(element, info.reads, self.responses if info.averages_response_means else None)
        outputs = Outputs(ctypes.addressof(self.gradient), ctypes.addressof(self.mask))

        def run():
            if self.rules.library.bench_run_rule(index, inputs, outputs, outcome) != 0:
                raise RuntimeError(f"the call of {info.region} failed")
            return outcome.kept / max(outcome.tokens, 1)

        return run

    def twin(self, element, reads):
        inputs = self.inputs(element, reads)
        outputs = Outputs(ctypes.addressof(self.gradient), ctypes.addressof(self.mask))
        return lambda: self.rules.library.bench_rule_twin(self.n, inputs, outputs)


def measure(row, contenders, problem, arguments, versions, suite="rules"):
    """Times and prints a row: processor time, all of which is that of one thread."""
    timing = interleave(contenders, problem.poison, problem.n, arguments, clock=time.process_time_ns)
    print(json.dumps({"suite": suite, **row, **versions, **timing}), flush=True)


# ---- what is measured -------------------------------------------------------------------------------------------


def table(rules):
    """Name, {hard: index, soft: index}, the lists' length and the element types of each row."""
    for (region, divergence), index in rules.index.items():
        if region.endswith("_soft"):
            continue
        soft = rules.index.get((f"{region}_soft", divergence))
        kinds = {"hard": index, **({} if soft is None else {"soft": soft})}
        name = divergence if region == "cppo" else region
        if rules.infos[index].reads != bench_ctypes.READS_LISTS:
            yield name, kinds, 0, ("float", "bfloat16") if region == "cppo" else ("float",)
            continue
        yield f"{name}, K = {USUAL_K}", kinds, USUAL_K, ("float",) if divergence in FORMS else ("float", "bfloat16")
        for k in () if divergence in FORMS else OTHER_KS:
            yield f"{name}, K = {k}", {"hard": index}, k, ("float",)


def rule_row(rules, problem, peers, name, kinds, elements, arguments):
    calls, kept = {}, {}
    for kind, index in kinds.items():
        for element in elements:
            calls[f"cppo {kind} {element}"] = problem.call(index, element)
            kept[f"{kind} {element}"] = round(calls[f"cppo {kind} {element}"](), 5)
    info = rules.infos[kinds["hard"]]
    row = {"name": name, "region": info.region.decode(), "divergence": info.divergence.decode(),
           "k": problem.k if info.reads == bench_ctypes.READS_LISTS else 0, "tokens": problem.n, "kept": kept,
           "bytes": {element: problem.bytes_of_token(element, info.reads) for element in elements}}
    steps = {}
    if peers is not None:
        steps, row["agreement"] = peers.of_row(row, problem, kinds, elements, calls)
    twins = {f"twin {element}": problem.twin(element, info.reads) for element in elements}
    measure(row, {**calls, **twins, **steps}, problem, arguments, {} if peers is None else peers.versions())


def short_lengths(responses):
    """From 16 to 256 tokens, as many of each power of two."""
    draw = random.Random(responses)
    return [round(math.exp(draw.uniform(math.log(16), math.log(256)))) for _ in range(responses)]


def offsets_of(lengths):
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    return offsets


def packed_row(rules, peers, responses, arguments):
    """Short chats, beside the same tokens as responses of 4096."""
    lengths = short_lengths(responses)
    short = Problem(rules, responses, 0, 0, offsets_of(lengths))
    long = Problem(rules, 0, 0, 0, [*range(0, short.n, 4096), short.n])
    long.responses = len(long.offsets) - 1
    calls, infos = {}, {}
    for kind, region in (("fixed", "cppo"), ("calibrated", "cppo_calibrated"), ("soft", "cppo_soft")):
        index = rules.index[region, "binary_tv"]
        infos[kind] = rules.infos[index]
        calls[f"cppo {kind}"] = short.call(index, "float")
        calls[f"cppo {kind}, T = 4096"] = long.call(index, "float")
    row = {"name": f"packed {responses}", "packed": responses, "tokens": short.n}
    steps = {}
    if peers is not None:
        steps, row["agreement"] = peers.of_packed(row, short, lengths, infos, calls)
    measure(row, {**calls, **steps}, short, arguments, {} if peers is None else peers.versions())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--compile", default="", help="under torch.compile too: cases with one of these words in their "
                        "name, which is `RULE, hard float` and the like; `nothing` is in no name")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--shape", default="64x1024")
    parser.add_argument("--packed", default="256,1024,4096")
    parser.add_argument("--only", default="", help="rows with one of these words in their name")
    arguments = parser.parse_args()
    rules, peers = Rules(arguments.library), None
    if arguments.peers:
        import rule_peers_rows  # needs PyTorch
        peers = rule_peers_rows.Peers(arguments.compile.split(","))
    wanted = lambda name: any(word in name for word in arguments.only.split(","))
    print(json.dumps({"suite": "rule_names", **rules.names()}), flush=True)
    responses, width = map(int, arguments.shape.split("x"))
    problems = {}
    for name, kinds, k, elements in sorted(table(rules), key=lambda row: row[2]):
        if wanted(name):
            if k not in problems:
                problems = {k: Problem(rules, responses, width, k)}  # one at a time: lists take room
            rule_row(rules, problems[k], peers, name, kinds, elements, arguments)
    for count in arguments.packed.split(","):
        if wanted(f"packed {count}"):
            packed_row(rules, peers, int(count), arguments)


if __name__ == "__main__":
    main()
