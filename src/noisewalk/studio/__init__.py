"""The studio: every technique in a web page on this machine, watched while it walks. It needs the extra "studio" (Gradio 6)."""
