"""What can be trained, by name. To read it loads no torch."""

OBJECTIVES = ("denoiser", "pure-noise", "ddpm", "flow", "classifier")
"""Objectives, for which `recipe.find` has a recipe each; the classifier is the digit reader."""
