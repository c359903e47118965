"""Point-E: coloured clouds from text (Nichol et al. 2022), as a module of our own that reads the official weights."""
