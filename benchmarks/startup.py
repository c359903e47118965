"""Start-up: CPU time of `gen3d --help` and `--version` beside that of `import torch`.

    python benchmarks/startup.py              # aim: --help takes at most 0.2 of `import torch`
    python benchmarks/startup.py --imports    # what `gen3d --help` imports, the slowest last

Each is a process of its own from start to end; they take turns, and the least CPU time of the rounds counts.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

AIM = 0.2
HELP = ("-m", "cli.main", "--help")
SIDES = {
    "python": ("-c", "pass"),
    "gen3d --version": ("-m", "cli.main", "--version"),
    "gen3d --help": HELP,
    "gen3d generate --help": ("-m", "cli.main", "generate", "--help"),
    "import numpy": ("-c", "import numpy"),
    "import torch": ("-c", "import torch"),
}


def cpu_seconds(words: tuple[str, ...]) -> float:
    """User and system time of a Python process from its start to its end."""
    child = subprocess.Popen([sys.executable, *words], cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"startup: {' '.join(words)} failed")
    return usage.ru_utime + usage.ru_stime


def print_imports(most: int = 25) -> None:
    """The slowest imports of `gen3d --help`, with all that each brings along."""
    with tempfile.TemporaryFile("w+") as file:
        command = [sys.executable, "-X", "importtime", *HELP]
        subprocess.run(command, cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL, stderr=file, check=True)
        file.seek(0)
        rows = [line.removeprefix("import time:").split("|") for line in file if "cumulative" not in line]
    for _, total, name in sorted(rows, key=lambda row: int(row[1]))[-most:]:
        print(f"{int(total) / 1000:8.1f} ms {name.rstrip()}")


def main() -> None:
    """Print each side's time and the ratio; exit code 1 where it is over the aim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--imports", action="store_true")
    given = parser.parse_args()
    if given.imports:
        return print_imports()
    least = dict.fromkeys(SIDES, math.inf)
    for _ in range(given.rounds):
        for name, words in SIDES.items():
            least[name] = min(least[name], cpu_seconds(words))
    for name, seconds in least.items():
        print(f"{name:24}{seconds * 1000:7.0f} ms")
    ratio = least["gen3d --help"] / least["import torch"]
    print(f"gen3d --help / import torch: {ratio:.3f} (aim: {AIM}; least of {given.rounds} rounds)")
    sys.exit(ratio > AIM)


if __name__ == "__main__":
    main()
