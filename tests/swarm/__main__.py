"""Many short lives of a bot at a simulated exchange that swarms of faults come over, for a number of seconds.

python -m tests.swarm 600 [FIRST_SEED]
python -m tests.swarm --seed 17

It fails when an invariant is broken (each breach is printed with the command that lives that life again), or when a
situation of the list was never met. Lives follow one another by their seeds. A seed draws the same life each time;
sockets and threads keep their own time, so that a breach which hangs on a moment may want some tries.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from os import cpu_count
from typing import Final

from tests.swarm.play import Outcome, lived
from tests.swarm.situations import SITUATIONS, missing

SECONDS: Final = 600.0
LIVES_PER_PROCESS: Final = 25
WORKERS: Final = 1 + (cpu_count() or 1)
COMMAND: Final = "make swarm ARGS='--seed {}'"


def outcomes(seconds: float, first_seed: int) -> Iterator[Outcome]:
    """The outcomes of lives, as they end; no life begins after the time is over."""
    ends_s, seed = time.monotonic() + seconds, first_seed
    context = get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context, max_tasks_per_child=LIVES_PER_PROCESS) as pool:
        waiting: set[Future[Outcome]] = set()
        while True:
            while len(waiting) < WORKERS and time.monotonic() < ends_s:
                waiting.add(pool.submit(lived, seed))
                seed += 1
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)


def line(outcome: Outcome) -> str:
    """An outcome in one line, and one more for each breach."""
    how = " ".join(f"{name}={count}" for name, count in sorted(outcome.how.items()))
    rows = [f"{outcome.what}: {outcome.seconds:.1f} s {how} {'BROKEN' if outcome.breaches else 'ok'}"]
    rows += [f"    {breach}" for breach in outcome.breaches]
    rows += [f"    again: {COMMAND.format(outcome.seed)}"] if outcome.breaches else []
    return "\n".join(rows)


def table(met: Mapping[str, int]) -> str:
    """How often each situation was met."""
    return "\n".join(f"{met.get(name, 0):6} {name}: {text}" for name, text in SITUATIONS.items())


def main(arguments: list[str]) -> int:
    """Zero when nothing was broken and nothing was missed; of a single seed what it came to."""
    if arguments[:1] == ["--seed"]:
        outcome = lived(int(arguments[1]))
        sys.stdout.write(f"{line(outcome)}\n{table(outcome.met)}\n")
        return 1 if outcome.breaches else 0
    seconds, first_seed = [*arguments, *(str(SECONDS), "0")[len(arguments) :]][:2]
    met, how, broken = Counter[str](), Counter[str](), []
    for outcome in outcomes(float(seconds), int(first_seed)):
        sys.stdout.write(f"{line(outcome)}\n")
        sys.stdout.flush()
        met += outcome.met
        how += outcome.how + Counter(lives=1)
        broken += [outcome.seed] if outcome.breaches else []
    sys.stdout.write(f"{table(met)}\n{' '.join(f'{name}={count}' for name, count in sorted(how.items()))}\n")
    sys.stdout.writelines(f"never met: {name}\n" for name in missing(met))
    sys.stdout.writelines(f"broken: {COMMAND.format(seed)}\n" for seed in sorted(broken))
    return 1 if broken or missing(met) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
