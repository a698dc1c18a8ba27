"""The op for CUDA: builds it with nvcc, finds it, calls it.

The library puts kernels into PyTorch's current stream and allocates nothing: workspace and report come from PyTorch's
allocator. Nothing waits for the device.
"""

from __future__ import annotations

import ctypes
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

import torch

from . import _build
from . import _native as c
from ._call import pack_options, refuse_pieces
from ._composed import loss_of
from .report import COUNT, FIELDS

if TYPE_CHECKING:
    from ._torch import Call, Given, Written

HOST_SOURCES = ("batch.cpp", "options.cpp", "report.cpp")
DEVICE_SOURCES = ("call.cu", "kernels.cu")
_COUNTS = FIELDS["sum_loss"][0]
"""So many numbers of a report are counts, and stand first."""
_SCALING = FIELDS["aggregate"][0]
"""So many numbers a device writes."""


class NoCompiler(RuntimeError):
    """There is no nvcc that can build the op."""


def nvcc() -> str:
    """The path of nvcc. Raises NoCompiler with the remedy."""
    homes = [os.environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if name in os.environ] + ["/usr/local/cuda"]
    found = [os.environ.get("CPPO_NVCC"), *(shutil.which("nvcc", path=f"{home}/bin") for home in homes),
             shutil.which("nvcc")]
    path = next((p for p in found if p), None)
    if path is None:
        raise NoCompiler("nvcc is neither in CUDA_HOME nor on the PATH: install CUDA's compiler, 12.0 or newer, and "
                         "run python -m cppo.build_cuda")
    said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    release = re.search(r"release (\d+)\.(\d+)", said)
    if release is None or int(release[1]) < 12:
        raise NoCompiler(f"{path} is {'of release ' + release[0][8:] if release else 'no nvcc'}, but 12.0 or newer is "
                         "needed, for C++20")
    return path


def _sources() -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """What is compiled, and what that includes."""
    folder = _build.folder("c_api", "c_api")
    compiled = [*(folder / "device" / name for name in DEVICE_SOURCES),
                *(folder / "src" / name for name in HOST_SOURCES)]
    shown = folder / "device" / "shown.map"
    header = _build.folder("include", "c_api/include") / "cppo_device.h"
    return compiled, [*sorted((folder / "src").glob("*.hpp")), folder / "device" / "call.cuh", shown, header]


def _command(compiler: str, architectures: Sequence[str]) -> list[str]:
    targets = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in architectures]
    shown = _build.folder("c_api", "c_api") / "device" / "shown.map"
    return [compiler, "-std=c++20", "-O3", "-shared", "-Xcompiler=-fPIC,-fvisibility=hidden", "-DNDEBUG", *targets,
            f"-Xlinker=--version-script={shown}", *_build.includes()]


def build(architectures: Sequence[str]) -> pathlib.Path:
    """The library for some architectures, as ("90",); it is built if it is not there, which takes minutes."""
    compiled, included = _sources()
    command = _command(nvcc(), architectures)
    if not _build.path_of("cuda", command, [*compiled, *included]).exists():
        print(f"cppo: building the op for CUDA (sm_{', sm_'.join(architectures)}): some minutes, once on this machine",
              file=sys.stderr, flush=True)
    return _build.shared_library("cuda", command, compiled, included)


def load(path: str | pathlib.Path) -> ctypes.CDLL:
    """The library at a path."""
    library = ctypes.CDLL(str(path))
    address, i32, i64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    signatures = {
        "cppo_device_abi": (i32,), "cppo_device_report_bytes": (i64,),
        "cppo_device_workspace_bytes": (i64, address, address, address),
        "cppo_device_policy_loss": (i32, address, address, address, address, address, address, i64, address, address),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if library.cppo_device_abi() != c.ABI:
        raise ImportError(f"{path} has version {library.cppo_device_abi()} of the C interface, but this package needs "
                          f"{c.ABI}: build it anew by python -m cppo.build_cuda")
    return library


def architectures_here() -> list[str]:
    """Of the devices that PyTorch sees."""
    seen = {torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())}
    return [f"{major}{minor}" for major, minor in sorted(seen)]


@functools.lru_cache(1)
def library() -> tuple[Optional[ctypes.CDLL], str]:
    """The op's library for the devices that are here, or why there is none. CPPO_CUDA_LIBRARY names one that is built
    already."""
    named = os.environ.get("CPPO_CUDA_LIBRARY")
    try:
        return load(named or build(architectures_here())), ""
    except (NoCompiler, RuntimeError, OSError, ImportError) as e:
        return None, str(e)


def _report_of(raw: torch.Tensor, call: Call) -> torch.Tensor:
    """The numbers of a `cppo_report` from what the device writes."""
    o = call.options
    counts, reals = raw.view(torch.int64)[:_COUNTS], raw.view(torch.float64)[_COUNTS:_SCALING]
    aggregate = 0 if call.per_token else c.AGGREGATES.index(o.aggregate)
    by_horizon = o.horizon if o.aggregate == "seq_mean_token_sum_norm" else 0
    scaling = raw.new_zeros(COUNT - _SCALING, dtype=torch.float64)
    for i, x in enumerate((aggregate, 1, by_horizon, o.normalizer)):
        scaling[i].fill_(x)
    return torch.cat([counts.double(), reals, scaling])


def run(library: ctypes.CDLL, call: Call, log_prob: torch.Tensor, given: Given, region: bytes,
        written: Written) -> torch.Tensor:
    """The call in the current stream of log_prob's device. Returns the report."""
    from ._torch import frame_of
    refuse_pieces((given.carries, given.totals, given.folds),
                  "are read by the host: pass tensors on the host and executor=\"simd\"")
    with torch.cuda.device(log_prob.device):
        frame, _ = frame_of(call, log_prob, given, written, "cuda", 0)
        size = library.cppo_device_workspace_bytes(frame.batch, region, frame.status)
        if size < 0:
            frame.raise_if(64)
        workspace = torch.empty(size, dtype=torch.uint8, device=log_prob.device)
        raw = torch.zeros(library.cppo_device_report_bytes(), dtype=torch.uint8, device=log_prob.device)
        options = call.options._replace(executor="simd")
        code = library.cppo_device_policy_loss(
            frame.batch, region, frame.outputs, pack_options(options), torch.cuda.current_stream().cuda_stream,
            workspace.data_ptr(), size, raw.data_ptr(), frame.status)
        frame.raise_if(code)
        return _report_of(raw, call)


def fill_loss(call: Call, loss: torch.Tensor, report: torch.Tensor) -> None:
    """Writes the loss of a batch."""
    if not call.per_token:
        loss.copy_(loss_of(report, call.options))


def main(arguments: Optional[Sequence[str]] = None) -> Any:
    """`python -m cppo.build_cuda [90 100 ...]`."""
    import argparse
    parser = argparse.ArgumentParser(prog="python -m cppo.build_cuda", description="Builds the op for CUDA by nvcc.")
    parser.add_argument("architectures", nargs="*", help="as 90 or 100a; without any, those of the devices here")
    chosen = parser.parse_args(arguments).architectures or architectures_here()
    if not chosen:
        parser.error("there is no device here: name the architectures, as 90")
    path = build(chosen)
    print(path)
    return path
