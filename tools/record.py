"""`make record`: on a machine with an NVIDIA GPU, execute the `gpu` cells and keep their outputs as records."""

import datetime
import sys

from press.cells import run_python
from press.execute import execute, has_cuda
from press.project import PressError, Project
from press.records import source_digest, write_records


def record(project, report=print):
    """Execute every chapter with `gpu` cells and write their records. Raises PressError where there is no CUDA."""
    if not has_cuda():
        raise PressError("outputs", None, "no CUDA device here, so nothing can be recorded",
                         "run `make record` on a machine with an NVIDIA GPU; outputs are never typed by hand")
    cells = {stem: run_python(project.cells(stem).values()) for stem in project.chapters()}
    stems = [stem for stem in cells if any("gpu" in cell.tags for cell in cells[stem])]
    for stem, execution in execute(project, stems, report=report).items():
        if not execution.about["cuda"]:
            raise PressError(f"snippets/{stem}.py", None, "this torch cannot use the GPU, so nothing was recorded",
                             "install a torch built for CUDA, and see that torch.cuda.is_available() is True")
        about = {name: execution.about[name] for name in ("device", "torch", "torchvision", "python", "cuda")}
        about["date"] = datetime.date.today().isoformat()
        found = {cell.address: {"source": source_digest(cells[stem], cell), "about": about, "outputs": execution.outputs[cell.address]}
                 for cell in cells[stem] if "gpu" in cell.tags}
        write_records(project, stem, "gpu", found)
        report(f"recorded {len(found)} cells of {stem} on {about['device']}")


if __name__ == "__main__":
    try:
        record(Project("."))
    except PressError as error:
        sys.exit(str(error))
