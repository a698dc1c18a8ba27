"""The paper's parameters by setting [Table 3]. The paper trains with Top-K TV; the default here is Binary-TV."""

from __future__ import annotations

from .parts import Divergence, binary_tv
from .regions import Region, _named

__all__ = ["dense_base", "dense_post_trained", "moe_base"]


def dense_post_trained(divergence: Divergence = binary_tv) -> Region:
    """Dense, post-trained: δ 0.15, δ_b 0.015 fixed, w_min 0.8."""
    return _named("presets::dense_post_trained", ("divergence", divergence))


def dense_base(divergence: Divergence = binary_tv) -> Region:
    """Dense, Base: δ 0.15, δ_b calibrated in [0.020, 0.040], w_min 0.8."""
    return _named("presets::dense_base", ("divergence", divergence))


def moe_base(divergence: Divergence = binary_tv) -> Region:
    """MoE, Base: δ 0.20, δ_b calibrated in [0.020, 0.040], w_min 0.8."""
    return _named("presets::moe_base", ("divergence", divergence))
