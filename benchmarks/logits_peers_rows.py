"""The PyTorch side of logits_rows.py: steps on the memory that the library reads, held against its numbers first."""

import functools
import json

import torch

import logits_peers

DTYPES = {"float": torch.float32, "bfloat16": torch.bfloat16}
# Log-probs, entropies and p of a peer may differ by so much: PyTorch rounds them to the type of the logits.
ERROR = {"float": 1e-4, "bfloat16": 0.2}


class Peers:
    def __init__(self, words):
        """`words`: rows with one of them in their name are compiled too."""
        self.words = words
        torch.set_num_threads(1)

    def versions(self):
        return {"torch": torch.__version__}

    def tensor(self, lent, dtype, *shape):
        return torch.frombuffer(lent, dtype=dtype)[:torch.Size(shape).numel()].view(*shape)

    def of_row(self, row, problem, call):
        """The steps of a row by name, and how far what they find is from what the library finds."""
        torch._dynamo.reset()
        x = self.tensor(problem.logits, DTYPES[problem.element], problem.rows, problem.ids)
        ids = self.tensor(problem.id, torch.int64, problem.rows)
        steps = getattr(self, row["task"])(problem, x, ids)
        if not any(word in row["name"] for word in self.words):
            steps.pop("compile")
        return self.agreeing(row, problem, call, steps)

    def forward(self, problem, x, ids):
        compiled = torch.compile(logits_peers.log_prob_by_sum, dynamic=False)
        of = lambda f: lambda: (f(x, ids),)
        return {"eager": of(logits_peers.log_prob), "compile": of(compiled),
                "cross_entropy": of(logits_peers.cross_entropy)}

    def lists(self, problem, x, ids):
        listed = self.tensor(problem.listed, torch.int64, problem.rows, problem.k)
        compiled = torch.compile(logits_peers.with_lists_by_sum, dynamic=False)
        return {"eager": functools.partial(logits_peers.with_lists, x, ids, listed),
                "compile": functools.partial(compiled, x, ids, listed)}

    def gradient(self, problem, x, ids):
        slope = self.tensor(problem.slope, torch.float64, problem.rows).float()
        compiled = torch.compile(logits_peers.log_prob_by_sum, dynamic=False)
        of = lambda f: functools.partial(logits_peers.gradient, x, ids, slope, f)
        return {"eager": of(logits_peers.log_prob), "compile": of(compiled),
                "cross_entropy": of(logits_peers.cross_entropy)}

    def found(self, row, problem):
        """What the library wrote."""
        numbers = lambda lent, *shape: self.tensor(lent, torch.float32, problem.rows, *shape)
        if row["task"] == "forward":
            return (numbers(problem.log_prob),)
        if row["task"] == "lists":
            return numbers(problem.log_prob), numbers(problem.listed_log_prob, problem.k), numbers(problem.entropy)
        gradient = self.tensor(problem.gradient, DTYPES[problem.element], problem.rows, problem.ids)
        return numbers(problem.log_prob), gradient

    def agreeing(self, row, problem, call, steps):
        """Those steps that run; an error if one finds other numbers."""
        call()
        ours, running, agreement = self.found(row, problem), {}, {}
        for name, step in steps.items():
            try:
                theirs = step()
            except Exception as error:  # torch.compile needs a compiler and Python's headers, and says so in many ways
                why = str(error).strip().splitlines() or [type(error).__name__]
                skipped = {"suite": "logits", "name": f"{row['name']}, {name}", "skipped": why[0]}
                print(json.dumps(skipped), flush=True)
                continue
            error = max((a.float() - b.float()).abs().max().item() for a, b in zip(ours, theirs))
            agreement[name] = {"error": error}
            if not error <= ERROR[problem.element]:
                raise RuntimeError(f"{row['name']}: cppo and {name} differ by {error}")
            running[name] = step
        return running, agreement
