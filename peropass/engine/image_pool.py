"""Energies and forces of several images at once: one process per worker, each with a calculator of its own that it keeps.

An image always goes to the same worker, so that a DFT calculator starts from the density of the step before.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from types import TracebackType

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from peropass.errors import PeropassError

Result = tuple[float, np.ndarray]
STOP = None


class ImagePool:
    """Workers that evaluate images in parallel; use it as a context manager.

    Parameters
    ----------
    factory : callable
        Makes the calculator of worker `k`; must be picklable, because workers start as fresh interpreters.
    workers : int
        Number of processes; 1 evaluates in this process.
    """

    def __init__(self, factory: Callable[[int], Calculator], workers: int) -> None:
        self.factory, self.workers = factory, workers
        self._connections: list[Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._calculator: Calculator | None = None

    def __enter__(self) -> ImagePool:
        if self.workers < 2:
            self._calculator = self.factory(0)
            return self
        context = multiprocessing.get_context("spawn")
        for k in range(self.workers):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(self.factory, k, there), daemon=True)
            process.start()
            there.close()
            self._connections.append(here)
            self._processes.append(process)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connection, process in zip(self._connections, self._processes, strict=True):
            connection.close()
            if kind is not None:
                process.terminate()
            process.join()

    def evaluate(self, images: Sequence[Atoms]) -> list[Result]:
        """Energy (eV) and unconstrained forces (n, 3) in eV/Angstrom of each image.

        Raises
        ------
        PeropassError
            What a calculator raised, e.g. EngineError or DeadlineReached.
        ChildProcessError
            A worker died.
        """
        bare = [Atoms(i.numbers, i.positions, cell=i.cell, pbc=i.pbc) for i in images]
        if self._calculator is not None:
            return [_evaluate(self._calculator, image) for image in bare]
        found: list[Result] = []
        for first in range(0, len(bare), self.workers):
            batch = bare[first : first + self.workers]
            for connection, image in zip(self._connections, batch, strict=False):
                connection.send(image)
            found += [self._receive(k) for k in range(len(batch))]
        return found

    def _receive(self, k: int) -> Result:
        try:
            answer = self._connections[k].recv()
        except EOFError:
            raise ChildProcessError(f"worker {k} of the band died; its log says why") from None
        if isinstance(answer, PeropassError):
            raise answer
        return answer


def _evaluate(calculator: Calculator, image: Atoms) -> Result:
    image.calc = calculator
    return float(image.get_potential_energy()), np.array(image.get_forces())


def _work(factory: Callable[[int], Calculator], k: int, connection: Connection) -> None:
    """Answer until the other end closes. Scientific errors travel as answers; any other ends the worker."""
    calculator = factory(k)
    while True:
        try:
            image = connection.recv()
        except EOFError:
            return
        try:
            answer: object = _evaluate(calculator, image)
        except PeropassError as error:
            answer = error
        connection.send(answer)
