"""What PyTorch is asked for from hidden states [N, H] and a head [V, H]: log-probs of the sampled ids, the mask and the
loss of torch_peers.py, and the gradients of hidden states and head."""

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

import torch_peers


def log_prob(hidden, weight, ids):
    """log pi of the sampled ids, with all log-probs [N, V] in memory."""
    return F.linear(hidden, weight).log_softmax(-1).gather(-1, ids[:, None])[:, 0]


def log_prob_in_chunks(hidden, weight, ids, rows):
    """The same, as trainers save memory: each chunk of rows keeps its inputs alone, and backward runs it again."""
    chunks = zip(hidden.split(rows), ids.split(rows))
    return torch.cat([checkpoint(log_prob, h, weight, y, use_reentrant=False) for h, y in chunks])


def loss_whole(hidden, weight, ids, batch, rule, normalizer):
    """The loss of a padded batch (log mu, advantage, response mask, [B, T] each)."""
    found = log_prob(hidden, weight, ids).view_as(batch[0])
    return torch_peers.loss_padded(found, *batch, rule, normalizer)[0]


def loss_in_chunks(hidden, weight, ids, batch, rule, normalizer, rows):
    found = log_prob_in_chunks(hidden, weight, ids, rows).view_as(batch[0])
    return torch_peers.loss_padded(found, *batch, rule, normalizer)[0]


def step(loss, hidden, weight, *rest):
    """Forward and backward: the loss, and the gradients of hidden states and head."""
    leaves = hidden.detach().requires_grad_(), weight.detach().requires_grad_()
    value = loss(*leaves, *rest)
    return value.detach(), *torch.autograd.grad(value, leaves)
