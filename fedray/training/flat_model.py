"""A model whose parameters, gradients and float buffers are views into flat vectors.

Copying weights in, adding an update to a partial sum and stepping an optimiser are then one operation each instead of
one for every tensor. Only floating-point entries of the state dict are trained and averaged; integer entries (such
as BatchNorm's ``num_batches_tracked``) keep the value of the initial model.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fedray.errors import InvalidInput

Weights = NDArray[np.float32]


class FlatModel:
    """Wraps ``module`` in place. ``weights`` is (P,): trained parameters first, then frozen ones and float buffers."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        parameters = list(module.parameters())
        trained = [value for value in parameters if value.requires_grad]
        fixed = [value for value in parameters if not value.requires_grad] + _float_buffers(module)
        _refuse_other_dtypes(module)
        count = sum(value.numel() for value in trained)
        self.weights = torch.empty(count + sum(value.numel() for value in fixed))
        self.parameter = nn.Parameter(self.weights[:count])
        """The trained part as one parameter: an elementwise optimiser of it is an optimiser of the model."""
        self.gradient = torch.zeros(count)
        self.parameter.grad = self.gradient
        offset = 0
        for value in trained + fixed:
            value.data = self.weights[offset : offset + value.numel()].view(value.shape).copy_(value.detach())
            if value.requires_grad:
                value.grad = self.gradient[offset : offset + value.numel()].view(value.shape)
            offset += value.numel()
        self._fixed = [(value, value.clone()) for value in _other_buffers(module)]
        module.zero_grad = self.zero_grad  # type: ignore[method-assign]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear all gradients. Never drops the tensors (``set_to_none``): they are views of one vector."""
        self.gradient.zero_()

    def load(self, weights: Weights) -> None:
        """Overwrite all parameters and float buffers, and put back all others. ``weights``: (P,) float32."""
        self.weights.numpy()[:] = weights
        for value, initial in self._fixed:
            value.copy_(initial)

    def copy(self) -> Weights:
        """The current weights, (P,) float32, detached from the model."""
        return self.weights.numpy().copy()

    def state_dict(self) -> dict[str, Tensor]:
        """The module's whole state dict (views; of tied weights, copies), as plain PyTorch names it."""
        seen: set[int] = set()
        state = {}
        for name, value in self.module.state_dict().items():
            tied = value.numel() > 0 and value.data_ptr() in seen
            seen.add(value.data_ptr())
            state[name] = value.detach().clone() if tied else value.detach().contiguous()
        return state


def _float_buffers(module: nn.Module) -> list[Tensor]:
    saved = module.state_dict().keys()
    return [value for name, value in module.named_buffers() if name in saved and value.is_floating_point()]


def _other_buffers(module: nn.Module) -> list[Tensor]:
    return [value for value in module.buffers() if not value.is_floating_point()]


def _refuse_other_dtypes(module: nn.Module) -> None:
    for name, value in module.state_dict().items():
        if value.is_floating_point() and value.dtype != torch.float32:
            raise InvalidInput(
                f"The model's '{name}' is {value.dtype}; fedray averages float32 weights: "
                f"build the model in float32 (training.precision chooses the arithmetic)."
            )
