"""Prompts as vectors: word tables, prompt encoders, and embeddings that are kept on disk."""
