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
