"""Ranks for a test: processes that stay, joined by gloo, each of which runs the functions that it is sent."""

from __future__ import annotations

import datetime
import multiprocessing
import os
import tempfile
import traceback


def _serve(rank, size, path, pipe):
    import torch
    import torch.distributed as dist
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=size,
                            timeout=datetime.timedelta(seconds=60))
    while (job := pipe.recv()) is not None:
        function, arguments = job
        try:
            pipe.send((function(rank, size, *arguments), None))
        except Exception:
            pipe.send((None, traceback.format_exc()))
    dist.destroy_process_group()


class Ranks:
    """`size` processes."""

    def __init__(self, size):
        context = multiprocessing.get_context("spawn")
        self.folder = tempfile.TemporaryDirectory()
        ends = [context.Pipe() for _ in range(size)]
        self.pipes = [mine for mine, _ in ends]
        path = os.path.join(self.folder.name, "store")
        self.processes = [context.Process(target=_serve, args=(r, size, path, theirs), daemon=True)
                          for r, (_, theirs) in enumerate(ends)]
        for p in self.processes:
            p.start()

    def run(self, function, *arguments):
        """What `function(rank, size, *arguments)` returns on each rank. It must be a function of a module."""
        for pipe in self.pipes:
            pipe.send((function, arguments))
        answers = [pipe.recv() for pipe in self.pipes]
        failed = [f"rank {r}: {error}" for r, (_, error) in enumerate(answers) if error]
        assert not failed, "\n".join(failed)
        return [result for result, _ in answers]

    def stop(self):
        for pipe in self.pipes:
            pipe.send(None)
        for p in self.processes:
            p.join(30)
        self.folder.cleanup()
