"""Rollouts, and the files that trainers write of them."""

from __future__ import annotations

import json
import struct

import numpy as np


def rollouts(responses=7, longest=40, seed=0):
    """Padded log π, log μ, advantage, ids and response mask, with prompts, holes and padding."""
    random = np.random.default_rng(seed)
    shape = (responses, longest)
    mu = -random.exponential(1.0, shape).astype(np.float32)
    pi = np.minimum(mu + random.normal(0.0, 0.4, shape), -1e-3).astype(np.float32)
    advantage = np.repeat(random.choice([-1.0, 0.0, 0.5], (responses, 1)), longest, 1).astype(np.float32)
    begin, end = random.integers(0, 4, responses), random.integers(6, longest + 1, responses)
    at = np.arange(longest)
    valid = (at >= begin[:, None]) & (at < end[:, None]) & (random.random(shape) > 0.1)
    valid[:, 4] = True
    ids = random.integers(0, 500, shape)
    return {"log_prob": pi, "rollout_log_prob": mu, "advantage": advantage, "response_mask": valid, "token_id": ids}


def write_lines(path, records):
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def _lists(batch, **names):
    """One dictionary a response, each input under the name that is given."""
    return [{theirs: batch[ours][i].tolist() for ours, theirs in names.items()} for i in range(len(batch["log_prob"]))]


def cppo_lines(path, batch):
    return write_lines(path, _lists(batch, log_prob="log_prob", rollout_log_prob="rollout_log_prob",
                                    advantage="advantage", response_mask="response_mask", token_id="response_ids"))


def prime_rl(path, batch, losses=True):
    """As token_export.py writes it: null where no RL loss is, one record of losses a token."""
    records = _lists(batch, log_prob="trainer_logprobs", rollout_log_prob="inference_logprobs", advantage="advantages",
                     response_mask="loss_mask", token_id="token_ids")
    for n, r in enumerate(records):
        r.update(schema_version=1, step=3, rank=0, micro_sequence_idx=n, env_name="math",
                 position_ids=list(range(len(r["token_ids"]))))
        rl = r["loss_mask"]
        r["advantages"] = [a if m else None for a, m in zip(r["advantages"], rl)]
        if losses:
            r["losses"] = [{"rl": {"advantage": a, "mask": m}, "ce": {"advantage": 1.0, "mask": True}}
                           for a, m in zip(r["advantages"], rl)]
            r["loss_mask"] = [True] * len(rl)  # of any loss
    return write_lines(path, records)


def nemo_rl(path, batch):
    """As log_batched_dict_as_jsonl writes it: padded, and a sample that the loss leaves out at the end."""
    records = _lists(batch, log_prob="prev_logprobs", rollout_log_prob="generation_logprobs", advantage="advantages",
                     response_mask="token_loss_mask", token_id="token_ids")
    for n, r in enumerate(records):
        used = int(np.flatnonzero(batch["response_mask"][n])[-1]) + 1
        r["token_loss_mask"] = [int(m) for m in r["token_loss_mask"][:used]] + [1] * (len(r["token_ids"]) - used)
        r.update(input_lengths=used, sample_loss_mask=1.0, rewards=0.5, idx=n, content=["text"])
    records.append({**records[0], "sample_loss_mask": 0.0, "idx": len(records)})
    return write_lines(path, records)


def packed(batch):
    """The slots of all responses one after the other."""
    rows = [np.flatnonzero(m) for m in batch["response_mask"]]
    parts = [slice(r[0], r[-1] + 1) for r in rows]
    arrays = {name: np.concatenate([x[i, part] for i, part in enumerate(parts)]) for name, x in batch.items()}
    arrays["advantage"] = batch["advantage"][:, 0].copy()  # one a response
    arrays["cu_seqlens"] = np.cumsum([0] + [p.stop - p.start for p in parts])
    return arrays


def write_tensors(path, arrays, dtypes=None):
    """A safetensors file, written by hand."""
    names = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "bool": "BOOL", "uint8": "U8"}
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, x in arrays.items():
        dtype = (dtypes or {}).get(name, names[x.dtype.name])
        raw = (x.view(np.uint32) >> 16).astype(np.uint16).tobytes() if dtype == "BF16" else x.tobytes()
        header[name] = {"dtype": dtype, "shape": list(x.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path
