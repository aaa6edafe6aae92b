from __future__ import annotations

import numpy as np
import pytest
import torch

from retinue.builtin.datasets.digits import FILE, Digits


def test_embedded_file_is_scikit_learns_copy():
    datasets = pytest.importorskip("sklearn.datasets")
    original = datasets.load_digits()
    with np.load(FILE) as arrays:
        assert sorted(arrays) == ["counts", "labels"]
        np.testing.assert_array_equal(arrays["counts"], original.images)
        np.testing.assert_array_equal(arrays["labels"], original.target)


def test_licence_lies_beside_the_file():
    text = FILE.with_name("digits.txt").read_text(encoding="utf-8")
    assert "CC BY 4.0" in text
    assert "https://doi.org/10.24432/C50P49" in text


def test_says_what_it_holds():
    digits = Digits()
    assert len(digits) == len(digits.labels) == 1797
    assert digits.info.classes == tuple("0123456789")
    assert digits.info.channels == 1
    assert digits.info.image_size == (8, 8)
    assert digits.in_memory


def test_counts_are_scaled_to_bytes_one_to_one():
    with np.load(FILE) as arrays:
        counts = torch.from_numpy(arrays["counts"])
    images = torch.stack([sample["image"] for sample in Digits()]).squeeze(1)
    byte_of = [images[counts == count].unique().tolist() for count in range(17)]
    assert byte_of == [[(255 * count + 8) // 16] for count in range(17)]
    assert byte_of[0] == [0]
    assert byte_of[16] == [255]
