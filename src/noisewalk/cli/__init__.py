"""The command line: one module for each group of commands."""

from .main import main as main
