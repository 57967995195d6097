"""A request made: prepared, walked, saved with its metadata, and replayed."""
