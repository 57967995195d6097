"""Prompts as vectors: word tables, prompt encoders, embeddings kept on disk."""
