"""YAML presets: one section per stage; see docs/design.md, Settings."""
