"""Judging: classifiers, scorers, Fréchet distances, and everything else that measures pictures."""
