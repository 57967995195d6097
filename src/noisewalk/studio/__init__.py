"""The studio shows every technique in a web page on this machine. It needs the extra "studio" (Gradio 6)."""
