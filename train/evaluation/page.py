"""Writes a report into a folder: a self-contained HTML page, its plots as PNG, and its data as JSON."""

import base64
import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import msgspec

from edge.errors import ConfigError
from train.evaluation.report import EvaluationReport, report_sections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE, DATA = "report.html", "report.json"

PLOTS = ("roc", "confusion", "calibration", "mistakes", "history")
"""Names of the plots that a report may have; each becomes a file `NAME.png`."""

TEMPLATES = Path(__file__).parent / "templates"

DPI = 110


def write_report(report: EvaluationReport, plots: Mapping[str, "Figure"], folder: Path) -> Path:
    """Write `report` with its `plots` to `folder`, replacing an earlier one; return the page's path.

    Raises:
        ConfigError: the folder cannot be written.
    """
    images = {name: _png(figure) for name, figure in plots.items()}
    contents = {f"{name}.png": image for name, image in images.items()}
    contents[DATA] = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    contents[PAGE] = render_page(report, images).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in PLOTS:
            (folder / f"{name}.png").unlink(missing_ok=True)  # of an earlier report, which may have had more plots
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    return folder / PAGE


def render_page(report: EvaluationReport, images: Mapping[str, bytes]) -> str:
    """Render the page as HTML with the PNG `images` embedded."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    lead = f"{report.model}: {', '.join(report.model_labels)}."
    evaluation = report.evaluation
    if evaluation and evaluation.labels != report.model_labels:
        lead = (
            f"{report.model}, {len(evaluation.labels)} classes: {', '.join(evaluation.labels)}. The model has"
            f" {len(report.model_labels)}; its probabilities for these classes are renormalized."
        )
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return templates.get_template("report.html").render(
        title=f"Evaluation of {Path(report.model).name}",
        lead=lead,
        sections=report_sections(report),
        images={name: base64.b64encode(image).decode() for name, image in images.items()},
        footer=f"Measured on {report.date} with {versions}.",
    )


def check_folder(folder: Path) -> None:
    """Check, before any work, that a report can be written to `folder`, which need not exist yet.

    Raises:
        ConfigError: the folder, or the parent in which it would be made, is not writable.
    """
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise _unwritable(folder, f"{nearest} is no writable folder")


def _unwritable(folder: Path, reason: str) -> ConfigError:
    return ConfigError(f"{folder}: expected a writable folder for the report, found: {reason}: choose another --report")


def _png(figure: "Figure") -> bytes:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=DPI)
    return content.getvalue()
