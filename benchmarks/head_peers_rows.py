"""The PyTorch side of head_rows.py: `cppo.policy_loss_from_head` and head_peers.py on the same tensors, held against
each other first."""

import functools
import json
import os
import sys
from pathlib import Path

import torch

import head_peers
import torch_peers

ERROR = 1e-4  # a gradient may differ by so much of its largest number
SPREAD = 0.029  # of log pi - log mu, as in problem.hpp


class Peers:
    def __init__(self, arguments):
        os.environ["CPPO_LIBRARY"] = arguments.c_library
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "src"))
        import cppo  # needs the library
        self.cppo = cppo
        torch.set_num_threads(1)
        draw = torch.Generator().manual_seed(5)
        b, t = arguments.shape
        n, h, v = b * t, arguments.hidden, arguments.ids
        self.hidden = torch.randn(n, h, generator=draw)
        self.weight = torch.randn(v, h, generator=draw) * (3 / h**0.5)  # logits with a spread of 3
        self.ids = torch.randint(v, (n,), generator=draw)
        log_prob = head_peers.log_prob(self.hidden, self.weight, self.ids)
        self.rollout = (log_prob + SPREAD * torch.randn(n, generator=draw)).clamp(max=0.0).view(b, t)
        self.advantage = torch.randn(b, t, generator=draw)
        self.compiled = torch.compile(head_peers.loss_whole, dynamic=False)

    def versions(self):
        return {"torch": torch.__version__}

    def of_row(self, row, mask, arguments):
        """The steps of a row by name, and how far what they find is from what the package finds."""
        mask = torch.tensor(mask).view(arguments.shape)
        batch, rule = (self.rollout, self.advantage, mask), torch_peers.Rule()
        rest = (self.hidden, self.weight, self.ids, batch, rule, mask.numel())
        peer = lambda loss: functools.partial(head_peers.step, loss, *rest)
        steps = {f"cppo, C = {c}": peer(functools.partial(self.ours, rows=c)) for c in arguments.slabs}
        steps["eager"] = peer(head_peers.loss_whole)
        if arguments.compile == "yes":
            steps["compile"] = peer(self.compiled)
        for c in arguments.slabs:
            steps[f"chunks, C = {c}"] = peer(functools.partial(head_peers.loss_in_chunks, rows=c))
        return self.agreeing(row, steps)

    def ours(self, hidden, weight, ids, batch, rule, normalizer, rows):
        region = self.cppo.fixed_cppo(delta=rule.delta, delta_b=rule.delta_b, w_min=rule.w_min)
        shape = batch[0].shape
        return self.cppo.policy_loss_from_head(hidden.view(*shape, -1), weight, ids.view(shape), *batch, region=region,
                                               slab_rows=rows, normalizer=float(normalizer))[0]

    def agreeing(self, row, steps):
        """Those steps that run; an error if one finds another loss or gradient."""
        wanted, running, agreement = None, {}, {}
        for name, step in steps.items():
            try:
                found = step()
            except Exception as error:  # torch.compile needs a compiler and Python's headers, and says so in many ways
                if name != "compile":
                    raise
                why = str(error).strip().splitlines() or [type(error).__name__]
                skipped = {"suite": row["suite"], "name": f"{row['name']}, {name}", "skipped": why[0]}
                print(json.dumps(skipped), flush=True)
                continue
            wanted = wanted or found
            error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(found, wanted))
            agreement[name] = {"error": error}
            if not error <= ERROR:
                raise RuntimeError(f"{row['name']}: cppo and {name} differ by {error}")
            running[name] = step
        return running, agreement
