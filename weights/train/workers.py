"""Data-parallel training by single-threaded processes on one machine's CPUs.

On a shared machine one process with several threads is slow: each of its thousands of small parallel regions a step waits for
its slowest thread. Processes meet once a step only. On two busy cores, one thread did four times the photos per CPU second.
"""
import os
import socket
import subprocess
import sys
from datetime import timedelta

import torch
import torch.distributed as dist


class Workers:
    """Rank 0 starts the others, as copies of its own command line. With one worker, nothing happens."""

    def __init__(self, count):
        self.count, self.rank, self.children = count, int(os.environ.get("WORKER_RANK", 0)), []
        if count == 1:
            return
        torch.set_num_threads(1)
        if self.rank == 0:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free.getsockname()[1]), GLOO_SOCKET_IFNAME="lo",
                                  OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", USE_LIBUV="0")
            for rank in range(1, count):
                self.children.append(subprocess.Popen([sys.executable, *sys.argv], env={**os.environ, "WORKER_RANK": str(rank)}))
        dist.init_process_group("gloo", rank=self.rank, world_size=count, timeout=timedelta(hours=6))

    def share(self, tensors):
        """Everyone gets rank 0's values."""
        if self.count > 1:
            for t in tensors:
                dist.broadcast(t, 0)

    def average(self, gradients, words):
        """Gradients become their mean over the workers. words: a few floats of rank 0, that everyone gets back."""
        if self.count == 1:
            return words
        told = torch.tensor(words) * (self.rank == 0)
        self.add([*gradients, told])
        for g in gradients:
            g.div_(self.count)
        return told.tolist()

    def add(self, tensors):
        """Tensors become their sum over the workers."""
        if self.count > 1:
            flat = torch.cat([t.reshape(-1) for t in tensors])
            dist.all_reduce(flat)
            for t, total in zip(tensors, flat.split([t.numel() for t in tensors])):
                t.copy_(total.view(t.shape))

    def finish(self):
        for child in self.children:
            child.wait()
