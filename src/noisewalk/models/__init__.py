"""Models: anything that predicts x0, from a network of your own to a pipeline of diffusers."""
