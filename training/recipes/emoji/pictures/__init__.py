"""Emoji and pictograms with captions: packages -> icons -> captions and pictures -> a training set."""
