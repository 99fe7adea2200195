"""Writes the model card: intended use, uses to avoid, measured accuracy, and cost."""

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
"""Precision below which the card's first paragraph names a label."""

PURPOSE = """\
Predicts the *apparent expression* of one face, cropped by a face detector to {size}x{size} grey pixels, on a small
computer without a network connection. The output is a probability for each label: {labels}."""

NOT_FOR = """\
- **Feelings.** A face that looks sad to strangers in a photograph says little about what the person feels. The labels
  are other people's guesses, and so are the predictions.
- **Decisions about people**: hiring, teaching, policing, health, insurance, access. In the European Union, inferring
  emotions at work and in education is prohibited except for medical and safety reasons (AI Act, Art. 5(1)(f));
  elsewhere people must be informed (Art. 50(3)).
- **Identifying people.** The model was not trained to recognize anybody, and must not be used for surveillance of
  individuals."""

NOT_MEASURED = """\
Not measured for this file. `python -m convert … --faces FILE.npz` measures it on a face set with an everyday mixture
of expressions."""

FER2013_DATA = """\
FER2013 (Goodfellow et al. 2013) was collected by web image search, without the consent of the people shown. It comes
without a licence for the images, which are not part of this project. Have the terms of the training data checked before
you use the model in a product. Each image has one noisy label: people agree with 65 ± 5 % of the labels (same source),
and some identical images have different labels."""

OTHER_DATA = """\
The origin and licence of other images are not recorded with the model; for the models that ship, they are in
[README.md](README.md)."""

VOTES = """\
Part of each training target is the share of ten people's votes from FER+ (Barsoum et al. 2016, MIT licence)."""

BIASES = """\
- Rare classes are learned worst. Shares of the training targets: {shares}.
- The most common mistakes of this file on {split}: {mistakes}.
- The data do not record age, sex or origin, so errors by group **were not measured**. Images from a web search are
  often posed, and show some groups far more often than others. Until you have measured it, expect worse predictions
  where training images are rare: children, old people, dark skin in poor light, covered or turned faces, cultures in
  which people show less.
- A single image shows no motion: a blink or a spoken word looks like an expression. The runtime therefore smooths the
  predictions over frames."""


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
        data: the data set that the model was trained and evaluated on.
        max_loss: largest loss of accuracy that the conversion accepts, as a share, 0.0 to 1.0.
        conditions: accuracy by distance, light, noise and blur; None if it was not measured.
        keep_conditions: without `conditions`, keep this section of the existing card.
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
    """Return each label's precision and recall on the first everyday set, with the default prior and without one."""
    rows = [row for row in manifest.measurements if row.kind == "everyday"]
    if not rows:
        return [NOT_MEASURED]
    first = rows[0]
    plain = next(row for row in rows if row.dataset == first.dataset and not row.prior_strength)
    wrong = [
        f"{100 * (1 - first.precision[label]):.0f} of 100 for *{label}*"
        for label in sorted(first.precision, key=first.precision.__getitem__)
        if first.precision[label] < OFTEN_WRONG and first.predicted[label] >= MIN_FACES
    ]
    shares = sorted(first.counts, key=first.counts.__getitem__, reverse=True)
    mixture = ", ".join(f"{label} {100 * first.counts[label] / first.faces:.0f} %" for label in shares[:2])
    few = ", ".join(label for label in manifest.labels if first.counts.get(label, 0) < MIN_FACES)
    text = (
        f"Accuracy on {first.faces} faces from photographs of ordinary people ({first.dataset}; {mixture}) with the"
        f" default settings ({_prior_words(first)}): **{_percent(first.accuracy)}**."
    )
    if wrong:
        text += f" Predictions of rare expressions are often wrong: {', '.join(wrong)}."
    table = ["| label | predicted | correct (precision) | faces | found (recall) |", "|---|--:|--:|--:|--:|"]
    table += [
        f"| {label} | {first.predicted[label]} | **{_precision(first, label)}** | {first.counts[label]}"
        f" | {_short(first.recall.get(label))} |"
        for label in manifest.labels
        if label in first.counts
    ]
    paragraphs = [text, "\n".join(table)]
    if few:
        paragraphs.append(f"The set has fewer than {MIN_FACES} faces of {few}, so their figures are mostly chance.")
    if first.prior_strength:
        head = ["| without the prior | predicted | correct (precision) | found (recall) |", "|---|--:|--:|--:|"]
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
    """Return the table of all measured sets, and recall by label on the sets that published figures use."""
    rows = [row for row in manifest.measurements if not row.roll_deg]
    text = (
        "Each prediction is the mean over a face and its mirror image, as in the runtime. *Whole path* includes"
        " detection and cropping, and counts a photograph without a detected face as wrong. *Balanced* is the mean"
        f" recall of the labels with {MIN_FACES} faces or more, *ECE* the expected calibration error. Compare the rows"
        " without a prior with published figures. The epoch was chosen on the validation split, so its figures are"
        " optimistic"
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
    """Return the table of photographs by roll; empty if no turned photographs were measured."""
    rows = [row for row in manifest.measurements if row.kind == "photographs"]
    if not any(row.roll_deg for row in rows):
        return []
    strength = rows[0].prior_strength
    table = ["| turned by | found | correct | balanced |", "|---|--:|--:|--:|"]
    table += [
        f"| {row.roll_deg:g}° | {_percent((row.faces - row.missed) / row.faces)} | {_percent(row.accuracy)}"
        f" | {_percent(row.balanced_accuracy)} |"
        for row in sorted(rows, key=lambda row: row.roll_deg)
        if row.prior_strength == strength
    ]
    return [
        f"{rows[0].faces} photographs ({rows[0].dataset}), every other one turned clockwise, the others anticlockwise;"
        f" whole path with the default settings ({_prior_words(rows[0])}).",
        "\n".join(table),
    ]


def _calibration(manifest: Manifest) -> str:
    first = manifest.figures[0]
    text = (
        "About a share *c* of the predictions with confidence *c* should be correct. The expected calibration"
        f" error (ECE, 15 bins) is the mean deviation from that: {first.calibration_error:.3f} on {first.split}."
    )
    if manifest.temperature == 1.0:
        return f"{text} No temperature was applied."
    return (
        f"{text} The logits are divided by the temperature {manifest.temperature:g}, fitted on the validation split"
        " with the default settings (Guo et al. 2017). The temperature is folded into the last layer's weights and does"
        " not change the predicted class without a prior."
    )


def _speed(manifest: Manifest) -> list[str]:
    text = f"{manifest.parameters:,} parameters, {manifest.multiply_adds:,} multiply-adds per face."
    if not manifest.latency:
        return [text]
    first = manifest.latency[0]
    rows = [
        f"| {row.precision} | {row.size_bytes:,} | {row.interpreter} | {row.median_us:,.0f} |"
        for row in manifest.latency
    ]
    table = ["| precision | bytes | interpreter | median, µs |", "|---|--:|---|--:|", *rows]
    return [
        f"{text} One inference on one thread of {first.machine} ({first.date}; **not a Raspberry Pi** unless it is"
        " named so):",
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
        f"{_percent(share)} of {truth} faces are predicted as {predicted}" for share, truth, predicted in most_common
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
        f"On {first.split}, accuracy changes by {change:+.2f} points (the conversion refuses a loss of more than"
        f" {100 * max_loss:.2f}), and a probability by at most {first.largest_difference:.3f}. *Same*: checkpoint and"
        f" {manifest.precision} model predict the same class. *Faces not in the training split*: without faces that"
        f" are also in it, pixel for pixel. Calibrated with {manifest.calibration}."
    )
    return [text, "\n".join([*head, *rows]), *([packages] if packages else [])]


def _framing(manifest: Manifest) -> str:
    framing = manifest.framing
    return (
        f"The detector's box is scaled by {framing.scale:g} about its centre and moved down by {framing.shift_y:g} of"
        " its height; outside the image, the edge pixels are repeated. These values map the runtime's detector to the"
        " framing of the training data. Another detector needs its own values: a wrong framing costs several points."
    )


def _file(manifest: Manifest) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return (
        f"{manifest.size_bytes:,} bytes without the attached manifest, made {manifest.created} with"
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
