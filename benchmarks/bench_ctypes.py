"""bench_api.hpp for Python."""

import ctypes as c

FIXED, CALIBRATED = 0, 1
NTH_ELEMENT, LIBRARY_QUANTILE, CLAMPED_QUANTILE = 0, 1, 2


class Batch(c.Structure):
    _fields_ = [("responses", c.c_int64), ("width", c.c_int64), ("cu_seqlens", c.c_void_p), ("log_prob", c.c_void_p),
                ("rollout_log_prob", c.c_void_p), ("advantage", c.c_void_p), ("response_mask", c.c_void_p)]


class Parameters(c.Structure):
    _fields_ = [("delta", c.c_double), ("delta_b", c.c_double), ("w_min", c.c_double), ("normalizer", c.c_double)]


class Outputs(c.Structure):
    _fields_ = [("gradient", c.c_void_p), ("mask", c.c_void_p)]


class Outcome(c.Structure):
    _fields_ = [("loss", c.c_double), ("mean_delta_b", c.c_double), ("tokens", c.c_int64), ("kept", c.c_int64),
                ("masked_budget", c.c_int64)]


class Data(c.Structure):
    _fields_ = [("log_prob", c.c_void_p), ("rollout_log_prob", c.c_void_p), ("advantage", c.c_void_p)]


def load(path):
    library = c.CDLL(path)
    library.bench_policy_loss.argtypes = [c.c_int32, c.c_int32, c.POINTER(Batch), c.POINTER(Parameters),
                                          c.POINTER(Outputs), c.POINTER(Outcome)]
    library.bench_policy_loss.restype = c.c_int32
    library.bench_quantiles.argtypes = [c.c_int32, c.c_void_p, c.c_int64, c.c_int64, c.c_double, c.c_double, c.c_double,
                                        c.c_void_p, c.c_void_p]
    library.bench_quantiles.restype = None
    library.bench_fill.argtypes = [c.c_int64, c.c_uint64, c.c_double, c.POINTER(Data)]
    library.bench_fill.restype = None
    return library


# ---- rules/rules_api.hpp ----------------------------------------------------------------------------------------

FLOAT, BFLOAT16 = 0, 1
READS_NOTHING, READS_DIVERGENCE, READS_LISTS, READS_ENTROPY, READS_REFERENCE = 0, 1, 2, 3, 4
REGIONS, FIELD = 0, 1


class Inputs(c.Structure):
    _fields_ = [("responses", c.c_int64), ("width", c.c_int64), ("cu_seqlens", c.c_void_p), ("element", c.c_int32),
                ("log_prob", c.c_void_p), ("rollout_log_prob", c.c_void_p), ("advantage", c.c_void_p),
                ("response_mask", c.c_void_p), ("divergence", c.c_void_p), ("k", c.c_int64), ("sampled", c.c_void_p),
                ("ids", c.c_void_p), ("list_log_prob", c.c_void_p), ("list_rollout_log_prob", c.c_void_p),
                ("entropy", c.c_void_p), ("reference_log_prob", c.c_void_p), ("normalizer", c.c_double)]


class Lists(c.Structure):
    _fields_ = [("k", c.c_int64), ("sampled", c.c_void_p), ("ids", c.c_void_p), ("log_prob", c.c_void_p),
                ("rollout_log_prob", c.c_void_p)]


class RuleInfo(c.Structure):
    _fields_ = [("region", c.c_char_p), ("divergence", c.c_char_p), ("reads", c.c_int32), ("delta", c.c_double),
                ("delta_b", c.c_double), ("w_min", c.c_double), ("family", c.c_int32), ("levels", c.c_int32),
                ("averages_response_means", c.c_int32)]


def load_rules(path):
    library = c.CDLL(path)
    library.bench_rule_at.argtypes, library.bench_rule_at.restype = [c.c_int32], c.POINTER(RuleInfo)
    library.bench_divergence_name.argtypes, library.bench_divergence_name.restype = [c.c_int32], c.c_char_p
    library.bench_run_rule.argtypes = [c.c_int32, c.POINTER(Inputs), c.POINTER(Outputs), c.POINTER(Outcome)]
    library.bench_run_rule.restype = c.c_int32
    for function, arguments in (
            (library.bench_rule_twin, [c.c_int64, c.POINTER(Inputs), c.POINTER(Outputs)]),
            (library.bench_shuffled_weights, [c.c_int64, c.c_double, c.c_void_p]),
            (library.bench_fill, [c.c_int64, c.c_uint64, c.c_double, c.POINTER(Data)]),
            (library.bench_fill_lists, [c.c_int64, c.c_uint64, c.c_double, c.POINTER(Data), c.POINTER(Lists)]),
            (library.bench_fill_divergence, [c.c_int64, c.POINTER(Data), c.c_void_p]),
            (library.bench_fill_more,
             [c.c_int64, c.c_uint64, c.c_double, c.POINTER(Data), c.c_void_p, c.c_void_p]),
            (library.bench_to_bfloat16, [c.c_int64, c.c_void_p, c.c_void_p])):
        function.argtypes, function.restype = arguments, None
    return library


def until_null(function):
    """function(0), function(1), ... until it has no more."""
    found = []
    while function(len(found)):
        found.append(function(len(found)))
    return found


# ---- logits_api.hpp ---------------------------------------------------------------------------------------------


class Logits(c.Structure):
    _fields_ = [("rows", c.c_int64), ("ids", c.c_int64), ("element", c.c_int32), ("threads", c.c_int32),
                ("logits", c.c_void_p), ("id", c.c_void_p), ("k", c.c_int64), ("listed", c.c_void_p)]


class LogProbOutputs(c.Structure):
    _fields_ = [("log_prob", c.c_void_p), ("listed", c.c_void_p), ("entropy", c.c_void_p), ("log_sum_exp", c.c_void_p),
                ("largest", c.c_int64), ("largest_id", c.c_void_p)]


class Slopes(c.Structure):
    _fields_ = [("slope", c.c_void_p), ("log_sum_exp", c.c_void_p), ("entropy", c.c_void_p),
                ("entropy_slope", c.c_double)]


def load_logits(path):
    library = c.CDLL(path)
    for function, arguments, result in (
            (library.bench_log_probs, [c.POINTER(Logits), c.POINTER(LogProbOutputs), c.c_int64], c.c_int32),
            (library.bench_logits_gradient, [c.POINTER(Logits), c.POINTER(Slopes), c.c_void_p], c.c_int32),
            (library.bench_full_divergences,
             [c.POINTER(Logits), c.c_void_p, c.POINTER(Logits), c.c_void_p, c.c_void_p, c.c_void_p], c.c_int32),
            (library.bench_fill_logits, [c.c_int32, c.c_int64, c.c_uint64, c.c_void_p], None),
            (library.bench_read_bytes, [c.c_void_p, c.c_int64], c.c_int64),
            (library.bench_copy_bytes, [c.c_void_p, c.c_void_p, c.c_int64], None),
            (library.bench_exp, [c.c_void_p, c.c_void_p, c.c_int64, c.c_int64], None)):
        function.argtypes, function.restype = arguments, result
    return library


# ---- head_api.hpp -----------------------------------------------------------------------------------------------


class Head(c.Structure):
    _fields_ = [("responses", c.c_int64), ("width", c.c_int64), ("hidden", c.c_int64), ("ids", c.c_int64),
                ("slab_rows", c.c_int64), ("once", c.c_int32), ("hidden_states", c.c_void_p), ("weight", c.c_void_p),
                ("hidden_gradient", c.c_void_p), ("weight_gradient", c.c_void_p), ("slab", c.c_void_p),
                ("id", c.c_void_p), ("rollout_log_prob", c.c_void_p), ("advantage", c.c_void_p),
                ("response_mask", c.c_void_p)]


class HeadWork(c.Structure):
    _fields_ = [("logits_rows", c.c_int64), ("gradient_rows", c.c_int64), ("products", c.c_int64)]


def load_head(path):
    library = c.CDLL(path)
    for function, arguments, result in (
            (library.bench_fill_head, [c.POINTER(Head), c.c_uint64], c.c_int32),
            (library.bench_head_loss, [c.POINTER(Head)], c.c_int32),
            (library.bench_head_record, [c.POINTER(Head), c.POINTER(HeadWork)], c.c_int64),
            (library.bench_head_products, [c.POINTER(Head), c.c_int64], None)):
        function.argtypes, function.restype = arguments, result
    return library
