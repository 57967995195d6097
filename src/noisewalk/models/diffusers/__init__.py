"""Pipelines that diffusers saved, as models: one adapter for all of them."""
