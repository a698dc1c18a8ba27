#!/usr/bin/env python3
"""Measures the rules of the field, beside CPPO on the same streams and beside field_peers.py. A line of JSON a row.

    field_rows.py --library PATH [--peers] [--compile WORDS] [--repeats N] [--seconds S] [--shapes 64x8192,64x1024]
                  [--curve 256,8192] [--only WORDS]
"""

import argparse
import ctypes
import json

from rule_rows import Problem, Rules, measure

CURVE = "256,512,1024,2048,4096,8192"


class FieldProblem(Problem):
    """Advantages as GRPO gives them: one for all tokens of a response."""

    def __init__(self, rules, responses, width):
        super().__init__(rules, responses, width)
        numbers = (ctypes.c_float * self.n).from_buffer(self.streams["float"]["advantage"])
        for b in range(responses):
            numbers[b * width:(b + 1) * width] = [numbers[b * width]] * width

    def normalizer(self, info):
        return self.responses if info.averages_response_means else self.n


def baselines(rules, problem, info):
    """CPPO: what rules of one pass, and of one more level, are compared with; fixed under the rule's divergence."""
    binary_tv = rules.index["cppo", "binary_tv"]
    return {"fixed": problem.call(rules.index.get(("cppo", info.divergence.decode()), binary_tv), "float"),
            "calibrated": problem.call(rules.index["cppo_calibrated", "binary_tv"], "float")}


def field_row(rules, problem, peers, name, arguments):
    info, call = rules.infos[rules.field[name]], problem.call(rules.field[name], "float")
    row = {"name": name, "tokens": problem.n, "responses": problem.responses, "T": problem.width,
           "levels": info.levels, "kept": round(call(), 5), "bytes": problem.bytes_of_token("float", info.reads)}
    steps = {}
    if peers is not None:
        steps, row["agreement"] = peers.of_row(row, problem, info, call)
    contenders = {"cppo": call, **baselines(rules, problem, info), "twin": problem.twin("float", info.reads), **steps}
    measure(row, contenders, problem, arguments, {} if peers is None else peers.versions(), "field")


def curve_row(rules, peers, width, arguments):
    """FIPO at one length: its sum over later tokens by halving, by a matrix of all pairs, and by scaled sums."""
    problem = FieldProblem(rules, 64, width)
    call = problem.call(rules.field["fipo"], "float")
    call()
    row = {"name": f"T = {width}", "tokens": problem.n, "T": width}
    steps = {}
    if peers is not None:
        steps, row["agreement"] = peers.of_curve(row, problem, rules.infos[rules.field["fipo"]], call)
    measure(row, {"cppo": call, **steps}, problem, arguments, {} if peers is None else peers.versions(), "fipo_curve")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--compile", default="", help="under torch.compile too: rules with one of these words in their "
                        "name; `nothing` is in no name")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--shapes", default="64x8192,64x1024")
    parser.add_argument("--curve", default=CURVE, help="lengths at which FIPO is measured; 0: none")
    parser.add_argument("--only", default="", help="rules with one of these words in their name")
    arguments = parser.parse_args()
    rules, peers = Rules(arguments.library), None
    if arguments.peers:
        import field_peers_rows  # needs PyTorch
        peers = field_peers_rows.Peers(arguments.compile.split(","))
    print(json.dumps({"suite": "field_names", "names": list(rules.field)}), flush=True)
    for shape in arguments.shapes.split(","):
        problem = FieldProblem(rules, *map(int, shape.split("x")))
        for name in rules.field:
            if any(word in name for word in arguments.only.split(",")):
                field_row(rules, problem, peers, name, arguments)
    for width in filter(None, map(int, arguments.curve.split(","))):
        curve_row(rules, peers, width, arguments)


if __name__ == "__main__":
    main()
