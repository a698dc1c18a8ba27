"""Builds the op for CUDA, so that its first call need not: python -m cppo.build_cuda [90 100 ...]."""

from ._cuda import main

if __name__ == "__main__":
    main()
