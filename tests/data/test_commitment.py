"""A commitment binds a user to its examples: every value, type, shape and their order, however they are read."""

from hashlib import sha256

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from fedray.data.commitment import sample_digests
from fedray.data.examples import examples_of

X = torch.randn(10, 2, 3, generator=torch.Generator().manual_seed(0))
Y = torch.arange(10)


def digests(*tensors: torch.Tensor, mine: np.ndarray | None = None, **options) -> list[bytes]:
    mine = np.arange(len(tensors[0])) if mine is None else mine
    return sample_digests(examples_of(TensorDataset(*tensors)), mine, **options)


def test_a_digest_is_sha256_over_type_shape_and_little_endian_bytes_of_each_tensor():
    mine = np.array([4, 1, 9])
    expected = [
        sha256(
            b"<f4[2, 3]" + X[i].numpy().astype(">f4").byteswap().tobytes() + b"<i8[]" + int(i).to_bytes(8, "little")
        ).digest()
        for i in mine
    ]
    assert digests(X, Y, mine=mine) == expected


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (torch.uint8, b"|u1"),
        (torch.bool, b"|b1"),
        (torch.int32, b"<i4"),
        (torch.float16, b"<f2"),
        (torch.float64, b"<f8"),
    ],
)
def test_every_plain_type_can_be_committed_to(dtype, name):
    values = torch.tensor([[0, 1], [1, 1]]).to(dtype)
    assert digests(values)[0] == sha256(name + b"[2]" + values[0].numpy().tobytes()).digest()


@pytest.mark.parametrize("batch_size", [1, 3, 10, 64])
def test_the_batch_size_of_reading_changes_no_digest(batch_size):
    assert digests(X, Y, batch_size=batch_size) == digests(X, Y)


def test_values_that_lie_scattered_in_memory_give_the_same_digest():
    scattered = X.transpose(1, 2).contiguous().transpose(1, 2)
    assert not scattered.is_contiguous()
    assert digests(scattered, Y) == digests(X, Y)


def test_any_other_value_type_or_shape_gives_another_digest():
    one = torch.zeros(1, 6)
    variants = [one, one + 1e-30, one.double(), one.int(), one.reshape(1, 2, 3), one.reshape(1, 3, 2), -one]
    found = [digests(variant)[0] for variant in variants]
    assert len(set(found)) == len(found)


def test_bytes_cannot_be_moved_from_one_tensor_of_an_example_to_the_next():
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])
    assert digests(a, b) != digests(torch.tensor([[1.0]]), torch.tensor([[2.0, 3.0]])) != digests(b, a)
