"""Settings of the kernels that execute chapters, passed with `--config`; a contributor's own profile is not read."""

c = get_config()  # noqa: F821
c.Application.log_level = "ERROR"
c.HistoryManager.enabled = False
c.InteractiveShell.colors = "NoColor"
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}
