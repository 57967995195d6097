"""The tours: every experiment once, on one page; of sampling (part a) and of training (part b)."""
