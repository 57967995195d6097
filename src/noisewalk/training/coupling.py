"""Minibatch optimal transport: which noise goes with which picture, so that the paths of flow matching cross less."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import UserError, install


def coupled(x0: Tensor, eps: Tensor, groups: Tensor) -> Tensor:
    """Return the noise in the order that is nearest to the pictures: the optimal transport within a batch.

        argmin over permutations p of  sum_i || x0_i - eps_p(i) ||^2

    Both keep their distributions, because only their order changes. Noise is exchanged within a group alone, so that its
    distribution stays the same under every condition too.

    Args:
        x0: (N, C, H, W) the pictures.
        eps: (N, C, H, W) the noise.
        groups: (N,) the group of each picture, which is its class; all equal if there are no classes.

    Returns:
        (N, C, H, W) the same noise in another order.

    Raises:
        UserError: scipy is not installed.

    Reference: Tong et al., *Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport*, 2023,
    algorithm 3, https://arxiv.org/abs/2302.00482; Pooladian et al., *Multisample Flow Matching*, 2023,
    https://arxiv.org/abs/2304.14772; for the groups, Cheng & Schwing, *The Curse of Conditions*, 2025,
    https://arxiv.org/abs/2503.10636.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ModuleNotFoundError as error:
        raise UserError(f"--coupling ot needs scipy: {install('train')}") from error
    order = torch.arange(len(eps), device=eps.device)
    for group in sorted(set(groups.tolist())):
        rows = (groups == group).nonzero()[:, 0]
        gain = x0[rows].flatten(1) @ eps[rows].flatten(1).T  # the squared distances are constants minus twice this
        _, chosen = linear_sum_assignment(gain.float().cpu().numpy(), maximize=True)
        order[rows] = rows[torch.from_numpy(chosen).to(rows.device)]
    return eps[order]
