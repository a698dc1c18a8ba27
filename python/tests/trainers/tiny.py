"""A language model of two layers with a vocabulary of words, made here, and a reward that can be learned."""

from __future__ import annotations

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

WORDS = ["<pad>", "<eos>", "<unk>"] + [f"w{i}" for i in range(61)]
PROMPTS = Dataset.from_dict({"prompt": [f"w{i} w{i + 1}" for i in range(16)]})


def tokenizer():
    """Splits at white space."""
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")


def model(seed=0):
    """Random weights: the same for the same seed."""
    torch.manual_seed(seed)
    return Qwen3ForCausalLM(Qwen3Config(
        vocab_size=len(WORDS), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=128, pad_token_id=0, eos_token_id=1,
        bos_token_id=1))


def reward(completions, **_):
    """How many words of the upper half a completion has."""
    return [sum(w[0] == "w" and int(w[1:]) >= 30 for w in c.split()) / 12 for c in completions]
