"""Shap-E (Jun and Nichol 2023, arXiv:2305.02463): from text to a coloured mesh, through diffusers' networks."""
