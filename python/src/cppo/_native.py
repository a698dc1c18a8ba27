"""The C library: where it is, how its structures lie in memory, and its errors as exceptions.

ctypes lets go of the interpreter's lock while a call runs. Nothing here needs more than Python.
"""

from __future__ import annotations

import ctypes
import enum
import os
import pathlib
import struct
from typing import Any

ABI = 1
"""The version of the C interface that this file is written for."""

# The structures of cppo.h, without padding between members.
TENSOR = "qii4q"
LENT = "ii" + TENSOR
BATCH = struct.Struct("=Qqq" + TENSOR + "qqqq")
OPTIONS = struct.Struct("=Q4iq5d2i4qd")
OUTPUTS = struct.Struct("=Qqqq")
ADVANTAGE_OPTIONS = struct.Struct("=Q2i4q")
LOGITS = struct.Struct("=Q" + TENSOR + "d2q")
LOGIT_OPTIONS = struct.Struct("=Q2id")
STATUS = struct.Struct("=2i3q448s")
LENT_SIZE = struct.calcsize("=" + LENT)
REGION_SIZE = 128 * 8
REPORT_ROOM = 96
SUMS_WORDS = 8
"""Words of a `cppo_prefix` and of a `cppo_totals`, 64 bits each."""
OWN = "compiled_"
"""Begins the name of a part of the user's own in a text: `compiling` has it."""

NOT_LENT = (0, 0, 0, 0, 0, 0, 0)
"""A tensor that is not there."""

DTYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 3, "bool": 4, "uint8": 5, "int8": 6, "int16": 7,
          "uint16": 8, "int32": 9, "uint32": 10, "int64": 11, "uint64": 12}

INPUTS = {"log_prob": 1, "rollout_log_prob": 2, "advantage": 3, "response_mask": 4, "divergence_values": 5,
          "token_weight": 6, "token_id": 7, "top_k_ids": 8, "top_k_log_probs": 9, "top_k_rollout_log_probs": 10,
          "entropy": 11, "reference_log_prob": 12, "reward": 13, "group_id": 14, "value": 15, "bootstrap_value": 16,
          "slope": 17, "log_sum_exp": 18, "rollout_log_sum_exp": 19, "entropy_slopes": 20}
"""What a tensor is lent as."""

OUTPUT_IDS = {"loss": 64, "gradient": 65, "mask": 66, "gate": 67, "divergence": 68, "weight": 69,
              "weighted_divergence": 70, "prefix_drift": 71, "prefix_weight": 72, "threshold": 73, "excess": 74,
              "decision": 75}
"""What a call may write."""

ADVANTAGE_OUTPUTS = {"advantage": 76, "returns": 77}
"""What `compute_advantage` may write."""

ROW_OUTPUTS = {"log_prob": 78, "log_sum_exp": 79, "entropy": 80, "listed_log_prob": 81, "largest_id": 82,
               "largest_log_prob": 83, "logits_gradient": 84, "tv": 85, "kl": 86}
"""What calls on rows of logits may write."""

AGGREGATES = ("token_sum", "token_mean", "seq_mean_token_sum", "seq_mean_token_mean", "seq_mean_token_sum_norm")
BAD_INPUT = ("reject", "exclude", "propagate")
POSITIONS = ("own_length", "fixed_horizon", "padded_column")
SURROGATES = ("ratio", "reinforce")
EXECUTORS = ("simd", "seq")

ARGUMENTS = ("", "log_prob", "rollout_log_prob", "advantage", "response_mask", "divergence_values", "token_weight",
             "top_k", "token_id", "cu_seqlens", "loss", "gradient", "mask", "gate", "trace", "region", "options",
             "carries", "report", "layout", "response_of", "order_of", "tensor", "entropy", "reference_log_prob",
             "reward", "group_id", "value", "bootstrap_value", "logits")


class StatusCode(enum.IntEnum):
    """What happened. Codes below 64 are no errors: every output was computed. From 96 on nothing was written."""

    ok = 0
    no_active_tokens = 1
    bad_input_excluded = 2
    bad_input_propagated = 3
    log_prob_invalid = 64
    rollout_log_prob_invalid = 65
    advantage_invalid = 66
    response_mask_invalid = 67
    divergence_invalid = 68
    token_weight_invalid = 69
    top_k_invalid = 70
    piece_rejected = 71
    log_prob_too_low = 72
    rollout_log_prob_too_low = 73
    top_k_too_low = 74
    fold_out_of_range = 75
    entropy_invalid = 76
    reference_log_prob_invalid = 77
    reference_log_prob_too_low = 78
    null_buffer = 96
    extent_mismatch = 97
    bad_offsets = 98
    size_overflow = 99
    bad_parameter = 100
    missing_input = 101
    horizon_too_short = 102
    output_overlap = 103
    carry_mismatch = 104
    executor_unavailable = 105
    element_type_mismatch = 106
    arithmetic_relaxed = 107
    not_device_memory = 108
    workspace_too_small = 109
    device_error = 110
    bad_pieces = 111
    bad_tensor = 112
    misaligned = 113
    not_host_memory = 114
    reward_invalid = 115
    value_invalid = 116
    folded_out_of_range = 117
    result_not_finite = 118
    not_in_response_batch = 119
    states_mismatch = 120
    logit_invalid = 121
    id_out_of_vocabulary = 122
    sampled_id_masked = 123
    not_in_logit_batch = 124
    shards_mismatch = 125
    log_sum_exp_invalid = 126
    bad_argument = 1024
    bad_text = 1025
    no_memory = 1026
    failed = 1027


class Error(ValueError):
    """What the library says is wrong: one sentence that names the argument, the place and the remedy.

    Attributes:
        code: as `StatusCode`.
        argument: the argument concerned, "" if none.
        response: the first place, from 0; -1: does not apply.
        token: the slot inside that response, excluded ones counted; -1: does not apply.
        count: how many tokens are affected.
        message: the sentence.
    """

    def __init__(self, message: str, code: int = StatusCode.bad_parameter, argument: str = "", response: int = -1,
                 token: int = -1, count: int = 0) -> None:
        super().__init__(message, code, argument, response, token, count)
        self.message = message
        self.code = StatusCode(code) if code in StatusCode.__members__.values() else code
        self.argument = argument
        self.response = response
        self.token = token
        self.count = count

    def __str__(self) -> str:
        return self.message


_IN_PYTHON = {
    "rollout.log_sum_exp": "rollout_log_sum_exp", "rollout.logits": "rollout_logits",
    "rollout.log_probs": "rollout_log_probs",
    "at_temperature(t)": "temperature", "logits(V, ...)": "V", "lend a valid pointer": "pass it", "lend it": "pass it",
    "lend what": "pass what", " was not lent:": " is missing:",
    "with_capacity(n) or part_of(n) where buffers hold": "with_capacity=True where arrays hold",
    "per_response([B]) for advantage": "[B] or [B, 1] for advantage"}
"""Words of the library's sentences, and what Python calls the same."""


def _in_python(message: str) -> str:
    for word, here in _IN_PYTHON.items():
        message = message.replace(word, here)
    return message


def error_of(status: bytes | bytearray, at: int = 0, states: str = "") -> Error:
    """The exception for the bytes of a `cppo_status`. `states`: what the call names the states of folds that it takes,
    which the library has no name for."""
    code, where, response, token, count, text = STATUS.unpack_from(status, at)
    message = _in_python(text.split(b"\0", 1)[0].decode())
    argument = ARGUMENTS[where] if 0 <= where < len(ARGUMENTS) else ""
    of_states = code == StatusCode.states_mismatch or message.startswith(("options->fold", "known"))
    if states and of_states and argument in ("", "options", "region"):
        argument = states
    return Error(message, code, argument, response, token, count)


def _find() -> str:
    """The path of the library: beside this file, or where the environment says that another build is."""
    path = os.environ.get("CPPO_LIBRARY")
    return path or str(pathlib.Path(__file__).parent / "lib" / f"libcppo_c.so.{ABI}")


def _signatures_of_theory() -> dict[str, tuple[Any, ...]]:
    """What the functions of cppo_theory.h return and take."""
    address, i64, i32, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_double
    reals = {"pairs_of_positions": 0, "classical_residual": 2, "prefix_residual": 3, "threshold_residual": 4,
             "implemented_residual": 5, "terminal_residual": 3, "pinsker_marginal_residual": 2, "mixed_residual": 3,
             "coupling_residual": 2}
    return {
        **{f"cppo_{name}": (real, i64, *[real] * n) for name, n in reals.items()},
        "cppo_suffix_lengths": (None, i64, address), "cppo_suffix_sums": (None, address, i64, address),
        "cppo_suffix_escapes": (None, address, i64, address),
        "cppo_suffix_adaptive": (None, i64, real, real, address),
        "cppo_weights_of": (i32, address, i64, address, address),
        "cppo_profile_residual": (real, address, address, i64, real),
        "cppo_prefix_budget_residual": (real, address, address, i64, real, real, real),
        "cppo_terminal_budget_residual": (real, address, address, i64, real, real),
        "cppo_ratio_falls": (i32, address, address, i64), "cppo_bound_name": (ctypes.c_char_p, i64),
        "cppo_certify": (i32, address, address, i32, real, address, address),
    }


def _declare(lib: ctypes.CDLL) -> None:
    """Says what the functions take. Addresses are plain integers."""
    address, text, i64, i32 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int32
    signatures = {
        "cppo_c_abi": (i32,), "cppo_version": (text,), "cppo_instruction_set": (text,),
        "cppo_region_parse": (i32, text, address, i64, address, address),
        "cppo_region_compiled": (i32, address, address, i64, address, address),
        "cppo_region_text": (i64, address, address, i64), "cppo_region_tree": (i64, address, address, i64),
        "cppo_region_reads": (ctypes.c_uint64, address), "cppo_region_calibrates": (i32, address),
        "cppo_part_name": (text, i64), "cppo_part_kind": (text, i64), "cppo_part_parameters": (text, i64),
        "cppo_options_init_sized": (None, address, i64),
        "cppo_policy_loss": (i32, address, address, address, address, address),
        "cppo_log_probs": (i32, address, address, address, address, address),
        "cppo_found_words": (i64, i64, i64, i64, i64),
        "cppo_find_logits": (i32, address, address, i64, address, i64, address, address, address),
        "cppo_combine_found": (i64, address, i64, address, i64, address, i64),
        "cppo_log_probs_of_found": (i32, address, address, address, i64, address, address),
        "cppo_logits_gradient": (i32, address, address, address, address, address),
        "cppo_full_divergences": (i32, address, address, address, address, address, address, address),
        "cppo_policy_loss_from_logits": (i32, address, address, address, address, address, address),
        "cppo_report_name": (text, i64), "cppo_report_rule": (i32, i64), "cppo_report_count": (i64,),
        "cppo_report_add": (None, address, address),
        "cppo_measure_name": (text, i64), "cppo_measure": (ctypes.c_double, address, i64),
        "cppo_diagnose": (i64, address, address, address, address, i64),
        "cppo_count_clauses": (i64, address, address, address, address, i64, address),
        "cppo_clause_text": (i64, address, i64, address, i64),
        "cppo_parity_parse": (i32, text, address, i64, address, address, address),
        "cppo_parity_name": (text, i64), "cppo_parity_parameters": (text, i64),
        "cppo_summarize_piece": (i32, address, address, i64, address, address, address, address, address),
        "cppo_totals_add": (None, address, address), "cppo_prefix_add": (None, address, address),
        "cppo_resolve_totals": (i32, address, address, address, i32, i64, address),
        "cppo_sum_piece": (i32, address, address, i64, address, i64, address, address, address),
        "cppo_advantage_parse": (i32, text, address, i64, address, address),
        "cppo_advantage_text": (i64, address, address, i64), "cppo_advantage_reads": (ctypes.c_uint64, address),
        "cppo_advantage_writes": (i32, address), "cppo_advantage_levels": (i32, address),
        "cppo_advantage_name": (text, i64), "cppo_advantage_kind": (text, i64),
        "cppo_advantage_parameters": (text, i64),
        "cppo_compute_advantage": (i32, address, address, address, address, address),
        "cppo_reward_words": (i64, address, i64),
        "cppo_sum_rewards": (i32, address, address, address, address, i64, address, address),
        "cppo_reward_states_add": (i64, address, i64, address, i64, address, i64),
        "cppo_fold_exchanges": (i32, address, i32), "cppo_fold_words": (i64, address, i32, i32),
        "cppo_sum_folds": (i32, address, address, address, address, i64, address, i64, address),
        "cppo_folds_add": (None, address, address, i64),
        **_signatures_of_theory(),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(lib, name, None)
        if function is None:
            raise ImportError(f"the library of cppo has no {name}: it is older than this package; install the package "
                              "anew, or unset CPPO_LIBRARY")
        function.restype, function.argtypes = result, arguments


def _load() -> ctypes.CDLL:
    path = _find()
    try:
        lib = ctypes.CDLL(path)
    except OSError as e:
        raise ImportError(f"the library of cppo cannot be loaded from {path} ({e}): install the package by "
                          "`pip install ./python`, or let CPPO_LIBRARY name the library") from e
    _declare(lib)
    if lib.cppo_c_abi() != ABI:
        raise ImportError(f"{path} has version {lib.cppo_c_abi()} of the C interface, but this package needs {ABI}: "
                          "install the package anew, or unset CPPO_LIBRARY")
    return lib


LIB = _load()


def names_of(function: str) -> tuple[str, ...]:
    """The strings that a function of the library gives for 0, 1, ... up to the last."""
    names: list[str] = []
    while (name := getattr(LIB, function)(len(names))) is not None:
        names.append(name.decode())
    return tuple(names)


def _default_options() -> tuple[Any, ...]:
    memory = ctypes.create_string_buffer(OPTIONS.size)
    LIB.cppo_options_init_sized(ctypes.addressof(memory), OPTIONS.size)
    return OPTIONS.unpack(memory.raw)


DEFAULT_OPTIONS = _default_options()
"""The members of a `cppo_options` with their defaults."""


def parse_region(text: str, numbers: tuple[float, ...]) -> bytes:
    """The bytes of the `cppo_region` that a text makes. Raises `Error` where text or numbers are wrong."""
    region = ctypes.create_string_buffer(REGION_SIZE)
    status = ctypes.create_string_buffer(STATUS.size)
    lent = (ctypes.c_double * max(len(numbers), 1))(*numbers)
    if OWN in text:
        from .compiling import object_of
        code = LIB.cppo_region_compiled(object_of(text), lent, len(numbers), region, status)
    else:
        code = LIB.cppo_region_parse(text.encode(), lent, len(numbers), region, status)
    if code != 0:
        raise error_of(status.raw)
    return region.raw


def parse_advantage(text: str, numbers: tuple[float, ...]) -> bytes:
    """The bytes of the `cppo_advantage_rule` that a text makes. Raises `Error` where text or numbers are wrong."""
    rule = ctypes.create_string_buffer(REGION_SIZE)
    status = ctypes.create_string_buffer(STATUS.size)
    lent = (ctypes.c_double * max(len(numbers), 1))(*numbers)
    if LIB.cppo_advantage_parse(text.encode(), lent, len(numbers), rule, status) != 0:
        raise error_of(status.raw)
    return rule.raw


def region_text(region: bytes) -> str:
    """The C++ expression that makes a region."""
    return _text_of(LIB.cppo_region_text, region)


def region_tree(region: bytes) -> str:
    """What a region's text was read to, as JSON: see `cppo_region_tree`. Empty for one that the library has no tree
    of."""
    return _text_of(LIB.cppo_region_tree, region)


def clause_text(region: bytes, i: int) -> str:
    """The C++ expression of clause `i` of a region's mask."""
    def written(made: bytes, text: Any, room: int) -> int:
        return int(LIB.cppo_clause_text(made, i, text, room))

    return _text_of(written, region)


def advantage_text(rule: bytes) -> str:
    """The C++ expression that makes an advantage rule; empty if no text of one form does."""
    return _text_of(LIB.cppo_advantage_text, rule)


def _text_of(function: Any, made: bytes) -> str:
    room = function(made, None, 0) + 1
    text = ctypes.create_string_buffer(room)
    function(made, text, room)
    return text.value.decode()
