"""Reports: a Markdown file whose fenced noisewalk commands are run becomes one self-contained page."""
