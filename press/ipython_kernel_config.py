"""Settings of the kernels that execute chapters, passed with `--config`; a contributor's own profile is not read."""

from pathlib import Path

c = get_config()  # noqa: F821
c.Application.log_level = "ERROR"
c.HistoryManager.enabled = False
c.InteractiveShell.colors = "NoColor"
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}
c.IPKernelApp.exec_lines = [f"__import__('runpy').run_path({str(Path(__file__).with_name('kernel_startup.py'))!r});"]
