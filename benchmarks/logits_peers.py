"""What PyTorch is asked for from logits [N, V]: log-probs of sampled ids, then those of K listed ids and the entropy
too, and the gradient of logits. Each function may be given to torch.compile."""

import torch
import torch.nn.functional as F


def log_prob(logits, ids):
    """log pi of the sampled ids, as trainers write it: eager keeps all log-probs, [N, V], in the type of the logits."""
    return logits.log_softmax(-1).gather(-1, ids[:, None])[:, 0]


def log_prob_by_sum(logits, ids):
    """The same without all log-probs, in float32: the form that torch.compile makes one loop of."""
    x = logits.float()
    return x.gather(-1, ids[:, None])[:, 0] - x.logsumexp(-1)


def cross_entropy(logits, ids):
    return -F.cross_entropy(logits, ids, reduction="none")


def with_lists(logits, ids, listed):
    """log pi of the sampled and of the listed ids, and the entropy."""
    every = logits.log_softmax(-1)
    entropy = -(every.exp() * every).sum(-1)
    return every.gather(-1, ids[:, None])[:, 0], every.gather(-1, listed), entropy


def with_lists_by_sum(logits, ids, listed):
    x = logits.float()
    total = x.logsumexp(-1, keepdim=True)
    every = x - total
    entropy = -(every.exp() * every).sum(-1)
    return (x.gather(-1, ids[:, None]) - total)[:, 0], x.gather(-1, listed) - total, entropy


def gradient(logits, ids, slope, of=log_prob):
    """Log-probs, and the gradient of logits where `slope` is that of log-probs."""
    leaf = logits.detach().requires_grad_()
    found = of(leaf, ids)
    (result,) = torch.autograd.grad(found, leaf, slope.to(found.dtype))
    return found.detach(), result
