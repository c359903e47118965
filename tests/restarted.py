"""Run by test_parallel.py under torchrun: the command, one process of which is killed where it was never restarted."""

from __future__ import annotations

import os

from sample_ranks import die_at, toy_sources

from cli import main

if __name__ == "__main__":
    toy_sources()
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        die_at(6, 1)
    main.main()
