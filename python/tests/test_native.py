"""What must agree with cppo.h: sizes, places and names."""

from __future__ import annotations

import os
import pathlib
import shutil
import struct
import subprocess
import sys

import cppo
import pytest
from cppo import _native as c

SIZES = {"cppo_tensor": struct.calcsize("=" + c.TENSOR), "cppo_lent": c.LENT_SIZE, "cppo_batch": c.BATCH.size,
         "cppo_options": c.OPTIONS.size, "cppo_outputs": c.OUTPUTS.size, "cppo_status": c.STATUS.size,
         "cppo_logits": c.LOGITS.size, "cppo_logit_options": c.LOGIT_OPTIONS.size, "cppo_region": c.REGION_SIZE,
         "cppo_prefix": 8 * c.SUMS_WORDS, "cppo_totals": 8 * c.SUMS_WORDS}


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_structures_lie_as_the_header_says(header, tmp_path):
    (tmp_path / "cppo.h").write_text(header("cppo.h"))
    ids = {f"cppo_{n}": i for n, i in c.INPUTS.items()} | {f"cppo_out_{n}": i for n, i in c.OUTPUT_IDS.items()}
    ids |= {f"cppo_out_{n}": i for n, i in c.ROW_OUTPUTS.items()}
    ids |= {f"cppo_{n}": i for names in (c.AGGREGATES, c.BAD_INPUT, c.POSITIONS, c.SURROGATES, c.EXECUTORS)
            for i, n in enumerate(names)}
    short = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "bool": "bool"}
    ids |= {f"cppo_{short.get(n, n.replace('uint', 'u').replace('int', 'i'))}": i for n, i in c.DTYPES.items()}
    ids |= {"CPPO_C_ABI": c.ABI, "CPPO_REPORT_ROOM": c.REPORT_ROOM}
    places = {"offsetof(cppo_batch, inputs)": 88, "offsetof(cppo_options, threads)": 76,
              "offsetof(cppo_options, normalizer)": 32, "offsetof(cppo_outputs, report)": 24,
              "offsetof(cppo_status, message)": 32, "offsetof(cppo_lent, tensor)": 8,
              "offsetof(cppo_tensor, stride)": 32, "offsetof(cppo_batch, cu_seqlens)": 24}
    claims = {f"sizeof({n})": size for n, size in SIZES.items()} | ids | places
    lines = "\n".join(f'_Static_assert({what} == {value}, "{what}");' for what, value in claims.items())
    source = tmp_path / "claims.c"
    source.write_text(f'#include "cppo.h"\n{lines}\n')
    done = subprocess.run(["cc", "-std=c11", "-c", str(source), "-o", str(tmp_path / "claims.o")], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr


def test_default_options_are_those_of_the_library():
    from cppo._call import Options, pack_options
    default = list(c.DEFAULT_OPTIONS)
    mine = list(c.OPTIONS.unpack(pack_options(Options(aggregate="token_sum"))))
    assert mine == default


def test_version_is_that_of_the_library():
    root = pathlib.Path(__file__).resolve().parents[1]
    assert f'version = "{cppo.__version__}"' in (root / "pyproject.toml").read_text()


def test_every_public_name_has_a_meaning():
    assert sorted(cppo.__all__) == sorted(set(cppo.__all__))
    for name in cppo.__all__:
        x = getattr(cppo, name)
        assert not callable(x) or x.__doc__, name


def test_a_library_that_is_not_there():
    done = subprocess.run([sys.executable, "-c", "import cppo"], capture_output=True, text=True,
                          env={**os.environ, "CPPO_LIBRARY": "/nowhere/libcppo_c.so"})
    assert done.returncode == 1 and "cannot be loaded from /nowhere" in done.stderr
