#!/usr/bin/env python3
"""Measures the loss from a linear head beside the products of matrices that it asks for, and with --peers
`cppo.policy_loss_from_head` beside head_peers.py. A line of JSON a row; the tables are those of head_tables.py.

    head_rows.py --library PATH [--peers --c-library PATH] [--compile yes|no] [--repeats N] [--seconds S]
                 [--shape 8x32] [--hidden 1024] [--ids 32000] [--slabs 64,256]
"""

import argparse
import ctypes
import json
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import bench_ctypes
from interleave import interleave

TOKENS = {"all": "all tokens", "half": "half excluded"}


def response_mask(which, responses, width):
    """All slots are tokens, or the first half of each response."""
    return [which == "all" or t < (width + 1) // 2 for _ in range(responses) for t in range(width)]


class Problem:
    """A batch, a head and their memory; fixed CPPO keeps every token, so that each has a slope."""

    def __init__(self, library, which, slab_rows, arguments):
        self.library = library
        b, t = arguments.shape
        n, hidden, ids = b * t, arguments.hidden, arguments.ids
        floats = {"hidden_states": n * hidden, "weight": hidden * ids, "hidden_gradient": n * hidden,
                  "weight_gradient": hidden * ids, "slab": slab_rows * ids, "rollout_log_prob": n, "advantage": n}
        self.memory = {name: (ctypes.c_float * count)() for name, count in floats.items()}
        self.memory["id"] = (ctypes.c_int64 * n)()
        self.memory["response_mask"] = (ctypes.c_bool * n)(*response_mask(which, b, t))
        at = {name: ctypes.addressof(memory) for name, memory in self.memory.items()}
        self.lent = {once: bench_ctypes.Head(b, t, hidden, ids, slab_rows, once, **at) for once in (0, 1)}
        self.tokens = sum(self.memory["response_mask"])
        if library.bench_fill_head(self.lent[0], 5) != 0:
            raise RuntimeError("the call that finds log-probs of the rollout failed")

    def prepare(self):
        for name in ("hidden_gradient", "weight_gradient"):
            ctypes.memset(self.memory[name], 0, ctypes.sizeof(self.memory[name]))

    def loss(self, once):
        def run():
            if self.library.bench_head_loss(self.lent[once]) != 0:
                raise RuntimeError("policy_loss_from_head failed")

        return run

    def products(self, once):
        """The products of such a call alone, and how many rows they have."""
        work = bench_ctypes.HeadWork()
        self.prepare()
        recorded = self.library.bench_head_record(self.lent[once], work)
        if recorded < 0:
            raise RuntimeError("policy_loss_from_head failed where its products were recorded")
        return lambda: self.library.bench_head_products(self.lent[once], recorded), work


def emit(row, contenders, prepare, tokens, arguments):
    """Times and prints a row: microseconds a token, of one thread's processor time."""
    timing = interleave(contenders, prepare, 1000 * tokens, arguments, clock=time.process_time_ns)
    shape = {"tokens": tokens, "hidden": arguments.hidden, "ids": arguments.ids}
    print(json.dumps({**row, **shape, **timing}), flush=True)


def products_row(library, which, slab_rows, arguments):
    p = Problem(library, which, slab_rows, arguments)
    contenders, rows = {}, {}
    for once, name in enumerate(("checked_first", "once")):
        contenders[name] = p.loss(once)
        contenders[f"{name} products"], work = p.products(once)
        rows[name] = {"logits": work.logits_rows, "gradient": work.gradient_rows}
    row = {"suite": "head_products", "name": f"C = {slab_rows}, {TOKENS[which]}", "slab": slab_rows, "which": which}
    emit({**row, "rows_of": rows}, contenders, p.prepare, p.tokens, arguments)


def torch_row(peers, which, arguments):
    row = {"suite": "head_torch", "name": TOKENS[which], "which": which}
    mask = response_mask(which, *arguments.shape)
    steps, row["agreement"] = peers.of_row(row, mask, arguments)
    emit({**row, **peers.versions()}, steps, lambda: None, sum(mask), arguments)


def main():
    numbers = lambda between: lambda text: [int(x) for x in text.split(between)]
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--c-library", default="", help="libcppo_c, which the package loads; none: no peers")
    parser.add_argument("--compile", choices=("yes", "no"), default="yes", help="a peer under torch.compile too")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--shape", type=numbers("x"), default="8x32", help="responses x tokens of each")
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--ids", type=int, default=32000)
    parser.add_argument("--slabs", type=numbers(","), default="64,256")
    arguments = parser.parse_args()
    library = bench_ctypes.load_head(arguments.library)
    for slab_rows in arguments.slabs:  # before PyTorch, as rows of logits are
        for which in TOKENS:
            products_row(library, which, slab_rows, arguments)
    if not (arguments.peers and arguments.c_library):
        return
    import head_peers_rows  # needs PyTorch
    peers = head_peers_rows.Peers(arguments)
    for which in TOKENS:
        torch_row(peers, which, arguments)


if __name__ == "__main__":
    main()
