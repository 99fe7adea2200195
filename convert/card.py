"""Writes the model card: what a model is for, what it is not for, what it was measured to do."""

from pathlib import Path

from convert.picture import confusion_picture
from edge.manifest import Manifest
from train.evaluation import Evaluation
from train.faces import FaceData

CONFUSIONS = 3
"""How many of the commonest mistakes the card names."""

PURPOSE = """\
Names the *apparent expression* of one face, cropped by a face detector to {size}x{size} grey pixels, on a small
computer without a network. The answer is a probability for each of: {labels}.

## Not for

- **Feelings.** A face that looks sad to strangers on a photograph says little about what its owner feels. The labels
  are other people's guesses, and so are the answers.
- **Decisions about people**: hiring, teaching, policing, health, insurance, access. Inferring emotions at work and in
  education is prohibited in the European Union (AI Act, Art. 5(1)(f)) but for medical and safety reasons; elsewhere
  people have to be told (Art. 50(3)).
- **Telling people apart.** It was not trained to recognize anybody, and must not be used to watch somebody.
"""

FER2013_DATA = """\
FER2013 (Goodfellow et al. 2013) was gathered by web image search. The people shown were not asked, and no licence for
the pictures comes with it; they are no part of this project. Whoever uses the model in a product should have the terms
of its data checked. Each picture has one label, and it is noisy: people agree with the labels in 65 ± 5 % of cases
(same source), and some identical pictures carry different labels."""

OTHER_DATA = """\
The pictures are the user's own; whoever wrote this card does not know their origin and licence."""

VOTES = """\
Part of each training target is the share of ten people's votes from FER+ (Barsoum et al. 2016, MIT licence). All
figures below are against the original labels."""

BIASES = """\
- Rare classes are learnt worst. In training: {counts}.
- The commonest mistakes of this file on {split}: {mistakes}.
- The data carry no age, sex or origin, so errors by group **were not measured**. Pictures found by searching the web
  are often acted, and show some people far more than others. Expect worse answers, until you have measured them, for
  whoever is rare there: children, old people, dark skin in poor light, covered or turned faces, cultures that show
  less.
- One picture, no time: a blink or a spoken word looks like an expression. The runtime smooths over frames for that
  reason."""


def card_files(
    model: Path, manifest: Manifest, validation: Evaluation, data: FaceData, max_loss: float
) -> dict[Path, bytes]:
    """Return the card and its picture, by the place where each belongs.

    Args:
        model: where the model is published.
        manifest: all its facts.
        validation: the converted model's figures on the split on which it was chosen.
        data: what it was trained and measured on.
        max_loss: what it might have lost, 0.0 to 1.0.
    """
    text = card_text(manifest, validation, data, max_loss=max_loss, picture=picture_path(model).name)
    return {model.with_suffix(".md"): text.encode(), picture_path(model): confusion_picture(validation)}


def picture_path(model: Path) -> Path:
    """Where the picture of a model's confusion matrix stands: beside it."""
    return model.with_suffix(".confusion.png")


def card_text(manifest: Manifest, validation: Evaluation, data: FaceData, *, max_loss: float, picture: str) -> str:
    """Return the card as Markdown."""
    sections = [
        f"# {manifest.name}" + ("" if manifest.precision == "int8" else f", {manifest.precision}"),
        PURPOSE.format(size=manifest.input.size, labels=", ".join(manifest.labels)).rstrip(),
        "## Data",
        f"Trained on {manifest.trained_on}.",
        FER2013_DATA if data.name == "FER2013" else OTHER_DATA,
        *([VOTES] if "FER+" in manifest.trained_on else []),
        "## Accuracy",
        *_accuracy(manifest, validation),
        f"![Counts by true class and answer, {validation.split}]({picture})",
        "## Calibration",
        _calibration(manifest),
        "## Known biases",
        _biases(validation, data),
        "## Size and speed",
        *_speed(manifest),
        "## What the conversion costs",
        _cost(manifest, max_loss=max_loss),
        "## Framing",
        _framing(manifest),
        "## File",
        _file(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _accuracy(manifest: Manifest, validation: Evaluation) -> list[str]:
    figures = manifest.figures
    text = (
        f"Share of right answers, {len(manifest.labels)} classes. The training's best epoch was chosen on"
        f" {validation.split}, so its figures flatter. *Faces not in the training split*: without those that also"
        " stand, pixel for pixel, in it."
    )
    if all(row.split.startswith(validation.split) for row in figures):
        text += " The test split was not read for this file."
    head = f"| faces of {figures[0].dataset} | faces | checkpoint | {manifest.precision} | balanced | ECE |"
    rows = [
        f"| {row.split} | {row.faces} | {_percent(row.float_accuracy)} | {_percent(row.model_accuracy)}"
        f" | {_percent(row.balanced_accuracy)} | {row.calibration_error:.3f} |"
        for row in figures
    ]
    splits = " | ".join(row.split for row in figures)
    by_class = [
        f"| {label} | " + " | ".join(_percent(row.recall.get(label)) for row in figures) + " |"
        for label in manifest.labels
    ]
    return [
        text,
        "\n".join([head, "|---|--:|--:|--:|--:|--:|", *rows]),
        "Share of each class that is named right:",
        "\n".join([f"| | {splits} |", "|---|" + "--:|" * len(figures), *by_class]),
    ]


def _calibration(manifest: Manifest) -> str:
    first = manifest.figures[0]
    text = (
        "Of the answers given with confidence *c*, a share of about *c* should be right. The expected calibration"
        f" error (ECE, 15 bins) is the mean distance from that: {first.calibration_error:.3f} on {first.split}."
    )
    if manifest.temperature == 1.0:
        return f"{text} No temperature was applied."
    return (
        f"{text} The logits are divided by the temperature {manifest.temperature:g}, which was fitted on"
        f" {first.split} (Guo et al. 2017); it is part of the last layer's weights and changes no answer."
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
        f"{text} One answer on one thread of {first.machine} ({first.date}; **not a Raspberry Pi** unless it says so):",
        "\n".join(table),
    ]


def _biases(validation: Evaluation, data: FaceData) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in zip(data.labels, data.training.counts(), strict=True))
    shares = [
        (count / sum(counts_of), truth, answer)
        for truth, counts_of in zip(validation.labels, validation.official.confusion, strict=True)
        for answer, count in zip(validation.labels, counts_of, strict=True)
        if truth != answer and count
    ]
    commonest = sorted(shares, reverse=True)[:CONFUSIONS]
    mistakes = "; ".join(f"{_percent(share)} of {truth} is called {answer}" for share, truth, answer in commonest)
    return BIASES.format(counts=counts, split=validation.split, mistakes=mistakes or "none")


def _cost(manifest: Manifest, *, max_loss: float) -> str:
    first = manifest.figures[0]
    change = 100 * (first.model_accuracy - first.float_accuracy)
    packages = "".join(
        f"\n- {name}: {text}." for name, text in (manifest.checks.interpreters if manifest.checks else {}).items()
    )
    return (
        f"On {first.split}, checkpoint and {manifest.precision} model give the same answer for"
        f" {_percent(first.agreement)} of the faces; accuracy changes by {change:+.2f} points (a loss of more than"
        f" {100 * max_loss:.2f} is not published). The largest difference of a probability is"
        f" {first.largest_difference:.3f}. Calibrated with {manifest.calibration}.\n{packages}"
    )


def _framing(manifest: Manifest) -> str:
    framing = manifest.framing
    return (
        f"The detector's box is scaled by {framing.scale:g} about its middle and moved down by {framing.shift_y:g} of"
        " its height; what lies outside the picture is its edge, repeated. The model was trained on faces framed as in"
        " its data; another detector needs its own values, and a wrong framing costs several points."
    )


def _file(manifest: Manifest) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return (
        f"{manifest.size_bytes:,} bytes without the facts that travel inside it, made {manifest.created} with"
        f" {versions}. sha256 of these bytes: `{manifest.sha256}`."
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
