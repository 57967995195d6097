"""Pipelines that diffusers saved, as models: one adapter."""
