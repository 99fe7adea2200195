"""Writes a report into a folder: a page that needs nothing else, its plots, and its figures as JSON."""

import base64
import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import msgspec

from edge.errors import ConfigError
from train.report import Report
from train.sections import report_sections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE, FIGURES = "report.html", "report.json"

PLOTS = ("roc", "confusion", "calibration", "mistakes", "history")
"""Names of the plots that a report may have; each is a file `NAME.png`."""

TEMPLATES = Path(__file__).parent / "templates"

DPI = 110


def write_report(report: Report, plots: Mapping[str, "Figure"], folder: Path) -> Path:
    """Write `report` with its `plots` to `folder`, over an earlier one; return the page's path.

    Raises:
        ConfigError: it cannot be written.
    """
    pictures = {name: _png(figure) for name, figure in plots.items()}
    contents = {f"{name}.png": picture for name, picture in pictures.items()}
    contents[FIGURES] = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    contents[PAGE] = render_page(report, pictures).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in PLOTS:
            (folder / f"{name}.png").unlink(missing_ok=True)  # an earlier report may have had more
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    return folder / PAGE


def render_page(report: Report, pictures: Mapping[str, bytes]) -> str:
    """Return the page as HTML, with the PNG `pictures` inside it."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    evaluation = report.evaluation
    classes = ", ".join(evaluation.labels)
    lead = f"{report.model} on {evaluation.dataset} {evaluation.split}, {len(evaluation.labels)} classes: {classes}."
    if evaluation.labels != report.model_labels:
        lead += f" The model has {len(report.model_labels)}; of its answers, these classes are scaled to sum to 1."
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return templates.get_template("report.html").render(
        title=f"Evaluation of {Path(report.model).name}",
        lead=lead,
        sections=report_sections(report),
        pictures={name: base64.b64encode(picture).decode() for name, picture in pictures.items()},
        footer=f"Measured on {report.date} with {versions}.",
    )


def check_folder(folder: Path) -> None:
    """Check, before any work, that a report can be written to `folder`, which need not be there yet.

    Raises:
        ConfigError: it cannot.
    """
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise _unwritable(folder, f"{nearest} is none that can be written")


def _unwritable(folder: Path, reason: str) -> ConfigError:
    return ConfigError(f"{folder}: expected a folder for the report, found that {reason}: give another --report")


def _png(figure: "Figure") -> bytes:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=DPI)
    return content.getvalue()
