"""Why a rebuild differs: told by training again with one factor swapped at a time. Pure but for the trainings.

First the same recipe once more. Where that differs from the rebuild, the training is random by itself: then what it
asks the machine for is held, one kind at a time, until two trainings agree. Where it does not, something is otherwise
than it was at the run: what the record knows to have changed is put back, one at a time, until the run's own model
comes out. A factor that only changes the model, and cannot be put back, is named as a likely cause.

A rebuild that failed is looked at in the same way: does it fail again, and if so, what has to be put back for it to
come to its end?
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from shipworthy.contract.records import Task
from shipworthy.environments.conditions import Asked, Conditions
from shipworthy.lineage.records import Cause, Diagnosis, Factor, ReachedRung, Trial, reaches
from shipworthy.training import diagnosis_words as words
from shipworthy.training.diagnosis_factors import Swap, all_held, holds
from shipworthy.training.ladder import Made, compare

AGAIN = Swap(None, "the same recipe again", conditions=Conditions(watched=True))


@dataclass(frozen=True, slots=True)
class Case:
    """A run and its rebuild, and what was to be reached."""

    then: Made
    now: Made | None  # None: the training failed
    task: Task
    tolerance: float
    goal: ReachedRung
    threads: int
    started: int  # of the run, ns since 1970


@dataclass(frozen=True, slots=True)
class Tried:
    """One more training."""

    made: Made | None  # None: it failed, or did not end in time
    asked: tuple[Asked, ...]
    seconds: float


class Attempt(Protocol):
    """Trains again, under a swap. OutOfTime where the budget does not allow it."""

    def __call__(self, swap: Swap) -> Tried: ...


class Suspects(Protocol):
    """What is otherwise than at the run and can be swapped, given what the training asks for; in order."""

    def __call__(self, asked: Sequence[Asked]) -> Sequence[Swap]: ...


class OutOfTime(Exception):
    """The budget is used up."""


def diagnose(case: Case, attempt: Attempt, suspects: Suspects, fixed: Sequence[str] = ()) -> Diagnosis:
    """The cause of a difference; `fixed` are changes that are known and cannot be swapped on this machine."""
    search = _Search(case, attempt)
    try:
        causes = search.causes(suspects)
        untried: tuple[str, ...] = ()
    except OutOfTime as error:
        causes, untried = tuple(search.likely), (str(error),)
    if not causes:
        untried = (*untried, *fixed)
    told = words.outcome(causes, untried, fails=case.now is None)
    return Diagnosis(case.goal, causes, told, tuple(search.trials), untried)


class _Search:
    """One diagnosis under way."""

    def __init__(self, case: Case, attempt: Attempt) -> None:
        self._case = case
        self._attempt = attempt
        self.trials: list[Trial] = []
        self.likely: list[Cause] = []

    def causes(self, suspects: Suspects) -> tuple[Cause, ...]:
        """() where none is found. OutOfTime."""
        again = self._try(AGAIN)
        if self._case.now is None:
            return self._of_failed(again, suspects)
        if again.made is None:
            return (Cause("failure", words.not_again(same=False), certain=False),)
        if not self._alike(again.made, self._case.now):
            return self._of_random(again.asked)
        return self._of_changed(suspects(again.asked)) or self._of_rare(again.asked)

    def _of_failed(self, again: Tried, suspects: Suspects) -> tuple[Cause, ...]:
        """The rebuild failed: does it every time, and what has to be put back for it not to?"""
        if again.made is not None:
            return (Cause("failure", words.not_again(self._alike(again.made, self._case.then)), certain=True),)
        for swap in suspects(again.asked):
            made = self._try(swap).made
            if made is not None:
                twice = self._try(swap).made is not None and self._try(AGAIN).made is None
                certain = twice and swap.restores and self._alike(made, self._case.then)
                self.likely.append(Cause(_factor(swap), swap.cause, certain=certain))
                if certain:
                    return (self.likely[-1],)
        return tuple(self.likely)

    def _of_random(self, asked: Sequence[Asked]) -> tuple[Cause, ...]:
        """The recipe makes another model every time: what has to be held for two to agree?"""
        self.likely = [Cause("random", words.random(asked), certain=False)]
        for swap in holds(asked, self._case.threads, self._case.started):
            if self._agree(swap):
                return (self._held(swap.factor, asked),)
        together = all_held(asked, self._case.started)
        if together and self._agree(together[0]):
            return tuple(self._held(factor, asked) for factor in together[1])
        return (Cause("random", words.random(asked), certain=True),)

    def _held(self, factor: Factor | None, asked: Sequence[Asked]) -> Cause:
        assert factor is not None
        return Cause(factor, words.held(factor, asked), certain=True)

    def _agree(self, swap: Swap) -> bool:
        first = self._try(swap)
        if first.made is None:
            return False
        second = self._try(swap)
        return second.made is not None and self._alike(first.made, second.made)

    def _of_changed(self, swaps: Sequence[Swap]) -> tuple[Cause, ...]:
        """The recipe makes one model now and made another then: what has to be put back?"""
        changing: list[Swap] = []
        for swap in swaps:
            made = self._try(swap).made
            if made is None:
                continue
            if swap.restores and self._alike(made, self._case.then):
                return (Cause(_factor(swap), swap.cause, certain=True),) if self._stands(swap) else ()
            if not self._alike(made, self._case.now):
                changing.append(swap)
                self.likely.append(Cause(_factor(swap), swap.cause, certain=False))
        return self._jointly(changing)

    def _jointly(self, changing: Sequence[Swap]) -> tuple[Cause, ...]:
        """Several that change the model, none of which explains it alone."""
        restoring = [swap for swap in changing if swap.restores]
        if len(restoring) > 1:
            made = self._try(Swap.of_all(restoring)).made
            if made is not None and self._alike(made, self._case.then):
                return tuple(Cause(_factor(swap), swap.cause, certain=True) for swap in restoring)
        return tuple(self.likely)

    def _stands(self, swap: Swap) -> bool:
        """Whether both outcomes come again: else the training is random, and this was luck."""
        swapped, plain = self._try(swap).made, self._try(AGAIN).made
        return (
            swapped is not None
            and plain is not None
            and self._alike(swapped, self._case.then)
            and self._alike(plain, self._case.now)
        )

    def _of_rare(self, asked: Sequence[Asked]) -> tuple[Cause, ...]:
        """Nothing that has changed explains it: is the training random, and agreed with itself by luck?"""
        for _ in range(2):
            made = self._try(AGAIN).made
            if made is not None and not self._alike(made, self._case.now):
                return self._of_random(asked)
        return ()

    def _try(self, swap: Swap) -> Tried:
        tried = self._attempt(swap)
        then, now = (
            None
            if tried.made is None or other is None
            else compare(other, tried.made, self._case.task, self._case.tolerance).rung
            for other in (self._case.then, self._case.now)
        )
        self.trials.append(Trial(swap.factor, swap.words, then, now, tried.seconds))
        return tried

    def _alike(self, a: Made, b: Made | None) -> bool:
        return b is not None and reaches(compare(a, b, self._case.task, self._case.tolerance).rung, self._case.goal)


def _factor(swap: Swap) -> Factor:
    assert swap.factor is not None
    return swap.factor


def shown(diagnosis: Diagnosis) -> Iterator[str]:
    """The lines that a person is told."""
    yield from (f"{'cause' if cause.certain else 'likely cause'}: {cause.words}" for cause in diagnosis.causes)
    if not diagnosis.causes:
        yield diagnosis.words
