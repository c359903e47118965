"""The `gen3d` command: one file per verb, no logic of its own."""
