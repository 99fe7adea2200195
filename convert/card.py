"""Writes the model card: what a model is for, what it is not for, its measured accuracy and cost."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from edge.model.manifest import Manifest, Measurement
from edge.model.prior import describe_prior
from edge.settings.schema import ClassifySettings
from train.data.faces import FaceData
from train.data.fer2013 import USAGES
from train.evaluation.conditions import RobustnessResults, conditions_section, plot_path, update_card
from train.evaluation.corruptions import AXIS_LABELS
from train.evaluation.metrics import MIN_FACES
from train.evaluation.plots import draw_conditions, draw_confusion
from train.evaluation.report import measured_name, prior_name
from train.evaluation.split_metrics import SplitMetrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONFUSIONS = 3
"""Number of the most common mistakes that the card names."""

OFTEN_WRONG = 0.5
"""Precision below which the card names a label in its first sentence."""

PURPOSE = """\
Names the *apparent expression* of one face, cropped by a face detector to {size}x{size} grey pixels, on a small
computer without a network. The prediction is a probability for each of: {labels}."""

NOT_FOR = """\
- **Feelings.** A face that looks sad to strangers on a photograph says little about what its owner feels. The labels
  are other people's guesses, and so are the predictions.
- **Decisions about people**: hiring, teaching, policing, health, insurance, access. Inferring emotions at work and in
  education is prohibited in the European Union (AI Act, Art. 5(1)(f)) but for medical and safety reasons; elsewhere
  people have to be told (Art. 50(3)).
- **Telling people apart.** It was not trained to recognize anybody, and must not be used to watch somebody."""

NOT_MEASURED = """\
Not measured for this file. `python -m convert … --faces FILE.npz` measures it on faces in the mixture of everyday
life."""

FER2013_DATA = """\
FER2013 (Goodfellow et al. 2013) was gathered by web image search. Nobody asked the people shown, and no licence for
the images comes with it; they are not part of this project. Before you use the model in a product, have the terms of
its data checked. Each image has one label, and it is noisy: people agree with the labels in 65 ± 5 % of cases (same
source), and some identical images carry different labels."""

OTHER_DATA = """\
The origin and licence of other images are not recorded with the model; for the models that ship, they are in
[README.md](README.md)."""

VOTES = """\
Part of each training target is the share of ten people's votes from FER+ (Barsoum et al. 2016, MIT licence)."""

BIASES = """\
- Rare classes are learned worst. Shares of the training targets: {shares}.
- The most common mistakes of this file on {split}: {mistakes}.
- The data carry no age, sex or origin, so errors by group **were not measured**. Images found by searching the web
  are often acted, and show some people far more than others. Until you have measured it, expect worse predictions for
  people who are rare there: children, old people, dark skin in poor light, covered or turned faces, cultures that show
  less.
- One image carries no motion: a blink or a spoken word looks like an expression. That is why the runtime smooths over
  frames."""


def card_files(
    model: Path,
    manifest: Manifest,
    validation: SplitMetrics,
    data: FaceData,
    *,
    max_loss: float,
    conditions: RobustnessResults | None = None,
    keep_conditions: bool = False,
) -> dict[Path, bytes]:
    """Return the content of the card and of its images, by path.

    Args:
        model: path of the published model.
        manifest: of the model, complete.
        validation: the converted model's figures on the split on which the best epoch was chosen.
        data: the data set that it was trained and evaluated on.
        max_loss: share of accuracy that it was allowed to lose, 0.0 to 1.0.
        conditions: what was measured at a distance, in the dark and so on; None if it was not.
        keep_conditions: take this section from the card that is there, if it was not measured now.
    """
    path, image_path = model.with_suffix(".md"), model.with_suffix(".confusion.png")
    text = _card_text(manifest, validation, data, max_loss=max_loss, image=image_path.name)
    files = {image_path: _png(draw_confusion(validation.official.confusion, validation.labels))}
    if conditions is not None:
        plot = plot_path(model)
        files[plot] = _png(draw_conditions(conditions.conditions, AXIS_LABELS))
        text = update_card(text, conditions, plot.name)
    elif keep_conditions and path.exists():
        text += conditions_section(path.read_text())
    return {path: text.encode(), **files}


def _png(figure: "Figure") -> bytes:
    """Return the figure as PNG; the same data give the same bytes."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=100, metadata={"Software": None})
    return image.getvalue()


def _card_text(manifest: Manifest, validation: SplitMetrics, data: FaceData, *, max_loss: float, image: str) -> str:
    """Return the card as Markdown, without the section on distance and light."""
    rolls = _rolls(manifest)
    sections = [
        f"# {manifest.name}" + ("" if manifest.precision == "int8" else f", {manifest.precision}"),
        PURPOSE.format(size=manifest.input.size, labels=", ".join(manifest.labels)),
        "## In everyday use",
        *_everyday(manifest),
        "## Accuracy",
        *_accuracy(manifest),
        *(["## Turned heads", *rolls] if rolls else []),
        "## Not for",
        NOT_FOR,
        "## Data",
        f"Trained on {manifest.trained_on}.",
        *([FER2013_DATA] if "FER2013" in manifest.trained_on else []),
        *([OTHER_DATA] if not manifest.trained_on.startswith(("FER2013 Training", "FER2013 (")) else []),
        *([VOTES] if "FER+" in manifest.trained_on else []),
        "## Calibration",
        _calibration(manifest),
        "## Known biases",
        _biases(manifest, validation, data),
        f"![Counts by true and predicted class, {validation.split}]({image})",
        "## Size and speed",
        *_speed(manifest),
        "## What the conversion costs",
        *_cost(manifest, max_loss=max_loss),
        "## Framing",
        _framing(manifest),
        "## File",
        _file(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _everyday(manifest: Manifest) -> list[str]:
    """Return what each label is worth on the first everyday set, in the default settings and without a prior."""
    rows = [row for row in manifest.measurements if row.kind == "everyday"]
    if not rows:
        return [NOT_MEASURED]
    first = rows[0]
    plain = next(row for row in rows if row.dataset == first.dataset and not row.prior_strength)
    wrong = [
        f"*{label}* in {100 * (1 - first.precision[label]):.0f} of 100 cases"
        for label in sorted(first.precision, key=first.precision.__getitem__)
        if first.precision[label] < OFTEN_WRONG and first.predicted[label] >= MIN_FACES
    ]
    shares = sorted(first.counts, key=first.counts.__getitem__, reverse=True)
    mixture = ", ".join(f"{label} {100 * first.counts[label] / first.faces:.0f} %" for label in shares[:2])
    few = ", ".join(label for label in manifest.labels if first.counts.get(label, 0) < MIN_FACES)
    text = (
        f"How often it is right about {first.faces} faces of photographs of ordinary people ({first.dataset};"
        f" {mixture}), in the default settings ({_prior_words(first)}): **{_percent(first.accuracy)}**."
    )
    if wrong:
        text += f" Rare expressions are where it errs: it is wrong when it says {', '.join(wrong)}."
    table = ["| it says | times | right (precision) | faces of it | found (recall) |", "|---|--:|--:|--:|--:|"]
    table += [
        f"| {label} | {first.predicted[label]} | **{_precision(first, label)}** | {first.counts[label]}"
        f" | {_short(first.recall.get(label))} |"
        for label in manifest.labels
        if label in first.counts
    ]
    paragraphs = [text, "\n".join(table)]
    if few:
        paragraphs.append(f"There are fewer than {MIN_FACES} faces of {few}: what is found of them is mostly chance.")
    if first.prior_strength:
        head = ["| without the prior | times | right (precision) | found (recall) |", "|---|--:|--:|--:|"]
        head += [
            f"| {label} | {plain.predicted[label]} | {_precision(plain, label)} | {_short(plain.recall.get(label))} |"
            for label in manifest.labels
            if label in plain.counts
        ]
        paragraphs.append("\n".join(head))
    return paragraphs


def _prior_words(measurement: Measurement) -> str:
    if not measurement.prior_strength:
        return "no prior"
    return f"prior {describe_prior(ClassifySettings().prior, measurement.prior_strength)}"


def _accuracy(manifest: Manifest) -> list[str]:
    """Return the table of all measured sets, and recall by label on those that others measure as well."""
    rows = [row for row in manifest.measurements if not row.roll_deg]
    text = (
        "Each prediction is the mean for a face and its mirror image, as in the runtime; the whole path also detects"
        " and crops the face, and counts a photograph without a face as wrong. *Balanced* is the mean recall of the"
        f" labels with {MIN_FACES} faces or more, *ECE* the expected calibration error. Figures that others publish are"
        " without a prior. The epoch was chosen on the validation split, so its figures are optimistic"
    )
    is_released = any(row.dataset.endswith(USAGES[2]) for row in rows)
    text += "." if is_released else "; the test split was not read for this file."
    table = [
        f"| measured on | faces | prior | checkpoint | {manifest.precision} | balanced | ECE |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    table += [
        f"| {measured_name(row)} | {row.faces} | {prior_name(row)} | {_percent(row.float_accuracy)}"
        f" | {_percent(row.accuracy)} | {_percent(row.balanced_accuracy)} | {_error(row.calibration_error)} |"
        for row in rows
    ]
    plain = [row for row in rows if row.kind in {"labels", "majorities"} and not row.prior_strength]
    recall = [f"| found, without a prior | {' | '.join(measured_name(row) for row in plain)} |"]
    recall += ["|---|" + "--:|" * len(plain)]
    recall += [
        f"| {label} | " + " | ".join(_percent(row.recall.get(label)) for row in plain) + " |"
        for label in manifest.labels
    ]
    return [text, "\n".join(table), "\n".join(recall)]


def _rolls(manifest: Manifest) -> list[str]:
    """Return the table of photographs by roll; empty if turned ones were not measured."""
    rows = [row for row in manifest.measurements if row.kind == "photographs"]
    if not any(row.roll_deg for row in rows):
        return []
    strength = rows[0].prior_strength
    table = ["| turned by | found | right | balanced |", "|---|--:|--:|--:|"]
    table += [
        f"| {row.roll_deg:g}° | {_percent((row.faces - row.missed) / row.faces)} | {_percent(row.accuracy)}"
        f" | {_percent(row.balanced_accuracy)} |"
        for row in sorted(rows, key=lambda row: row.roll_deg)
        if row.prior_strength == strength
    ]
    return [
        f"{rows[0].faces} photographs ({rows[0].dataset}), every other one turned clockwise, the others anticlockwise;"
        f" whole path in the default settings ({_prior_words(rows[0])}).",
        "\n".join(table),
    ]


def _calibration(manifest: Manifest) -> str:
    first = manifest.figures[0]
    text = (
        "Of the predictions with confidence *c*, a share of about *c* should be right. The expected calibration"
        f" error (ECE, 15 bins) is the mean distance from that: {first.calibration_error:.3f} on {first.split}."
    )
    if manifest.temperature == 1.0:
        return f"{text} No temperature was applied."
    return (
        f"{text} The logits are divided by the temperature {manifest.temperature:g}, which was fitted on the validation"
        " split in the default settings (Guo et al. 2017); it is part of the last layer's weights and changes no"
        " predicted class."
    )


def _speed(manifest: Manifest) -> list[str]:
    text = f"{manifest.parameters:,} parameters, {manifest.multiply_adds:,} multiply-adds for a face."
    if not manifest.latency:
        return [text]
    first = manifest.latency[0]
    rows = [
        f"| {row.precision} | {row.size_bytes:,} | {row.interpreter} | {row.median_us:,.0f} |"
        for row in manifest.latency
    ]
    table = ["| precision | bytes | interpreter | median, µs |", "|---|--:|---|--:|", *rows]
    return [
        f"{text} One inference on one thread of {first.machine} ({first.date}; **not a Raspberry Pi** unless it says"
        " so):",
        "\n".join(table),
    ]


def _biases(manifest: Manifest, validation: SplitMetrics, data: FaceData) -> str:
    training = manifest.training_prior or dict(zip(data.labels, data.training.class_shares().tolist(), strict=True))
    in_training = ", ".join(f"{label} {100 * share:.1f} %" for label, share in training.items())
    shares = [
        (count / sum(row), truth, predicted)
        for truth, row in zip(validation.labels, validation.official.confusion, strict=True)
        for predicted, count in zip(validation.labels, row, strict=True)
        if truth != predicted and count
    ]
    most_common = sorted(shares, reverse=True)[:CONFUSIONS]
    mistakes = "; ".join(
        f"{_percent(share)} of {truth} is taken for {predicted}" for share, truth, predicted in most_common
    )
    return BIASES.format(shares=in_training, split=validation.split, mistakes=mistakes or "none")


def _cost(manifest: Manifest, *, max_loss: float) -> list[str]:
    first = manifest.figures[0]
    change = 100 * (first.model_accuracy - first.float_accuracy)
    packages = "\n".join(
        f"- {name}: {text}." for name, text in (manifest.checks.interpreters if manifest.checks else {}).items()
    )
    head = [
        f"| faces of {first.dataset}, one prediction each | faces | checkpoint | {manifest.precision} | same | ECE |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    rows = [
        f"| {row.split} | {row.faces} | {_percent(row.float_accuracy)} | {_percent(row.model_accuracy)}"
        f" | {_percent(row.agreement)} | {row.calibration_error:.3f} |"
        for row in manifest.figures
    ]
    text = (
        f"On {first.split}, accuracy changes by {change:+.2f} points (a loss of more than {100 * max_loss:.2f} is not"
        f" published), and a probability by at most {first.largest_difference:.3f}. *Same*: checkpoint and"
        f" {manifest.precision} model predict the same class. *Faces not in the training split*: without those that are"
        f" also in it, pixel for pixel. Calibrated with {manifest.calibration}."
    )
    return [text, "\n".join([*head, *rows]), *([packages] if packages else [])]


def _framing(manifest: Manifest) -> str:
    framing = manifest.framing
    return (
        f"The detector's box is scaled by {framing.scale:g} about its middle and moved down by {framing.shift_y:g} of"
        " its height; outside the image, its edge pixels are repeated. The model was trained on faces framed as in"
        " its data; another detector needs its own values, and a wrong framing costs several points."
    )


def _file(manifest: Manifest) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return (
        f"{manifest.size_bytes:,} bytes without the facts that travel inside it, made {manifest.created} with"
        f" {versions}. sha256 of these bytes: `{manifest.sha256}`."
    )


def _precision(measurement: Measurement, label: str) -> str:
    return _short(measurement.precision[label] if measurement.predicted[label] else None)


def _short(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _error(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
