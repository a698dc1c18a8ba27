"""The PyTorch side of rule_rows.py: steps on the memory that the library reads, compared with it first."""

import functools
import json

import torch

import rule_peers
from rule_peers import NamedRule, Tokens

DTYPES = {"float": torch.float32, "bfloat16": torch.bfloat16}


def rule_of(info):
    return NamedRule(info.region.decode(), info.divergence.decode(), info.delta, info.delta_b, info.w_min)


def tokens_of(problem, element, shape):
    view = lambda buffer, dtype, *more: torch.frombuffer(buffer, dtype=dtype).view(*shape, *more)
    numbers = lambda name, *more: view(problem.streams[element][name], DTYPES[element], *more)
    valid = torch.ones(*shape, dtype=torch.bool) if problem.valid is None else view(problem.valid, torch.bool)
    tokens = Tokens(numbers("log_prob"), numbers("rollout_log_prob"), numbers("advantage"), valid)
    if problem.k == 0:
        return tokens
    return tokens._replace(sampled=view(problem.sampled, torch.int64), ids=view(problem.ids, torch.int64, problem.k),
                           list_log_prob=numbers("list_log_prob", problem.k),
                           list_rollout=numbers("list_rollout_log_prob", problem.k))


def same_numbers(got, want, loosely):
    got, want = got.reshape(-1).float(), want.float()
    return (got - want).abs() <= (1e-2 if loosely else 1e-3) * want.abs() + 1e-12


class Peers:
    def __init__(self, words):
        """`words`: cases with one of them in their name are compiled too."""
        self.words = words
        torch.set_num_threads(1)

    def compiles(self, row, case):
        return any(word in f"{row['name']}, {case}" for word in self.words)

    def versions(self):
        return {"torch": torch.__version__}

    def compiled(self, loss):
        return torch.compile(loss, dynamic=False)

    def of_row(self, row, problem, kinds, elements, calls):
        """The steps of a row by name, and how they agree with the library."""
        torch._dynamo.reset()
        shape, steps, agreement = (problem.responses, problem.width), {}, {}
        for kind, index in kinds.items():
            info = problem.rules.infos[index]
            rule = rule_of(info)
            for element in elements:
                tokens = self.lent(problem, element, shape, info)
                case = f"{kind} {element}"
                found = {f"eager {case}": functools.partial(rule_peers.step, tokens, rule, problem.n)}
                if self.compiles(row, case):
                    found[f"compile {case}"] = functools.partial(rule_peers.step, tokens, rule, problem.n,
                                                                 loss=self.compiled(rule_peers.loss))
                for name, step in found.items():
                    self.compare(row, problem, name, step, calls[f"cppo {case}"], rule, steps, agreement)
        return steps, agreement

    def lent(self, problem, element, shape, info):
        tokens = tokens_of(problem, element, shape)
        if info.divergence == b"precomputed":
            numbers = torch.frombuffer(problem.streams[element]["divergence"], dtype=DTYPES[element])
            tokens = tokens._replace(divergence=numbers.view(shape))
        if info.region == b"cppo_shuffled":
            weight = torch.zeros(problem.width)
            problem.rules.library.bench_shuffled_weights(problem.width, info.w_min, weight.data_ptr())
            tokens = tokens._replace(shuffled_weight=weight)
        return tokens

    def compare(self, row, problem, name, step, call, rule, steps, agreement):
        """Counts the tokens that the library and a peer decide differently, or whose gradients differ under a gate.

        A peer that does not run is reported and left out."""
        try:
            gradient, kept = step()
        except Exception as error:  # torch.compile needs a compiler and Python's headers, and says so in many ways
            why = str(error).strip().splitlines() or [type(error).__name__]
            skipped = {"suite": "rules", "name": f"{row['name']}, {name}", "skipped": why[0]}
            print(json.dumps(skipped), flush=True)
            return
        steps[name] = step
        call()
        ours = torch.frombuffer(problem.gradient, dtype=torch.float32)
        if rule.soft:
            same = same_numbers(gradient, ours, gradient.dtype == torch.bfloat16)
        else:
            same = kept.reshape(-1) == torch.frombuffer(problem.mask, dtype=torch.bool)
        agreement[name] = {"other_masks": int((~same).sum())}

    # ---- packed -------------------------------------------------------------------------------------------------

    def of_packed(self, row, problem, lengths, infos, calls):
        torch._dynamo.reset()
        tokens = tokens_of(problem, "float", (problem.n,))
        begin = torch.tensor(list(problem.offsets)[:-1])
        length = torch.tensor(lengths)
        start, of = begin.repeat_interleave(length), length.repeat_interleave(length)
        steps, agreement = {}, {}
        for kind, info in infos.items():
            rule, found = rule_of(info), {}

            def as_padded(rule=rule, loss=rule_peers.loss):
                batch, slots = rule_peers.padded(tokens, length)
                gradient, kept = rule_peers.step(batch, rule, problem.n, loss=loss)
                return gradient.flatten()[slots], kept.flatten()[slots]

            found[f"as padded {kind}"] = as_padded
            compiled = self.compiles(row, kind)
            if compiled:
                found[f"compile as padded {kind}"] = functools.partial(as_padded, loss=self.compiled(rule_peers.loss))
            if kind == "fixed":
                flat = functools.partial(rule_peers.packed_step, tokens, start, of, rule, problem.n)
                found["packed fixed"] = flat
                if compiled:
                    found["compile packed fixed"] = functools.partial(
                        flat, loss=self.compiled(rule_peers.packed_loss))
            for name, step in found.items():
                self.compare(row, problem, name, step, calls[f"cppo {kind}"], rule, steps, agreement)
        return steps, agreement
