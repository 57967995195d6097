"""Reports as documents: a Markdown file whose fenced noisewalk commands are run, and one page that needs nothing else."""
