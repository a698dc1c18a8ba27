"""Tests against the trainers themselves, each skipped where its trainer is missing: `./run test-trainers` has all."""

from __future__ import annotations

import os

import pytest

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_DATASETS_OFFLINE="1", CUDA_VISIBLE_DEVICES="",
                  WANDB_DISABLED="true", TOKENIZERS_PARALLELISM="false", TRL_EXPERIMENTAL_SILENCE="1")


def pytest_collection_modifyitems(items):
    """A trainer's warnings are its own."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore"))
