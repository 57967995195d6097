"""What can be trained, by name. To read it loads no torch."""

PREDICTION_TYPES = ("epsilon", "sample", "v_prediction", "flow_prediction")
"""Targets, the keys of `walk.TARGETS`."""

SCHEDULES = ("linear", "cosine", "ddpm-300", "ddpm-1000")
"""Schedules of networks that are trained to be walked."""

NETWORK_SIZES = ("small", "base", "large")
"""Sizes of the fast U-Net, the keys of `models.nets.unet.SIZES`."""

OBJECTIVES = ("denoiser", "pure-noise", "ddpm", "flow", "distil", "classifier")
"""Objectives: `distil.distil` is the recipe of a student of another model, `recipe.find` has the others."""
