"""Networks of noisewalk's own."""
