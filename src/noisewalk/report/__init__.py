"""Drawing: figures, curves, animations and pages."""
