"""The PyTorch side of field_rows.py: steps on the memory that the library reads, held against its gradient first."""

import functools
import json

import torch

import field_peers
from field_peers import Tokens
from rule_peers_rows import same_numbers

STREAMS = ("log_prob", "rollout_log_prob", "advantage")
MORE = {"entropy": "entropy", "reference": "reference_log_prob"}  # of Tokens: of the memory
# A rule decides some tokens by sums in float32, and two of equals by chance: so many may differ.
SHARE_THAT_MAY_DIFFER = 1e-3


def tokens_of(problem):
    shape = (problem.responses, problem.width)
    view = lambda name: torch.frombuffer(problem.streams["float"][name], dtype=torch.float32).view(shape)
    valid = torch.frombuffer(problem.valid, dtype=torch.bool).view(shape)
    return Tokens(*map(view, STREAMS), valid, **{name: view(stream) for name, stream in MORE.items()})


class Peers:
    def __init__(self, words):
        """`words`: rules with one of them in their name are compiled too."""
        self.words = words
        torch.set_num_threads(1)

    def versions(self):
        return {"torch": torch.__version__}

    def compiles(self, name):
        return any(word in name for word in self.words)

    def of_row(self, row, problem, info, call):
        """The steps of a row by name, and how they agree with the library."""
        torch._dynamo.reset()
        loss, n = field_peers.RULES[row["name"]], problem.normalizer(info)
        steps = {"eager": functools.partial(field_peers.step, tokens_of(problem), n, loss)}
        if self.compiles(row["name"]):
            compiled = torch.compile(loss, dynamic=False)
            steps["compile"] = functools.partial(field_peers.step, tokens_of(problem), n, compiled)
        return self.agreeing(row, problem, call, steps)

    def of_curve(self, row, problem, info, call):
        torch._dynamo.reset()
        tokens, n = tokens_of(problem), problem.normalizer(info)
        decay = field_peers.decay_matrix(problem.width, 32.0)  # kept from step to step
        pairs = lambda x, valid, half_life: field_peers.future_of_pairs(x, valid, decay)
        of = lambda loss: functools.partial(field_peers.step, tokens, n, loss)
        steps = {"all pairs": functools.partial(of(field_peers.fipo), sum_of=pairs), "eager": of(field_peers.fipo)}
        if self.compiles("fipo"):
            steps["compile"] = of(torch.compile(field_peers.fipo, dynamic=False))
        return self.agreeing(row, problem, call, steps)

    def agreeing(self, row, problem, call, steps):
        """Those steps that run; an error if one has another gradient or mask than the library."""
        agreement, running = {}, {}
        for name, step in steps.items():
            try:
                gradient, kept = step()
            except Exception as error:  # torch.compile needs a compiler and Python's headers, and says so in many ways
                why = str(error).strip().splitlines() or [type(error).__name__]
                skipped = {"suite": "field", "name": f"{row['name']}, {name}", "skipped": why[0]}
                print(json.dumps(skipped), flush=True)
                continue
            call()
            ours = torch.frombuffer(problem.gradient, dtype=torch.float32)
            same = same_numbers(gradient, ours, loosely=False)
            if kept is not None:
                same &= kept.reshape(-1) == torch.frombuffer(problem.mask, dtype=torch.bool)
            agreement[name] = {"other_tokens": int((~same).sum())}
            if agreement[name]["other_tokens"] > max(SHARE_THAT_MAY_DIFFER * problem.n, 2):
                raise RuntimeError(f"{row['name']}: the gradient of cppo and of {name} differ at "
                                   f"{agreement[name]['other_tokens']} of {problem.n} tokens")
            running[name] = step
        return running, agreement
