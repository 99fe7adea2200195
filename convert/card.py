"""Writes the model card: what a model is for, what it is not for, what it was measured to do."""

from collections.abc import Sequence

from convert.verify import Comparison
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
- The commonest mistakes of the int8 model on {split}: {mistakes}.
- The data carry no age, sex or origin, so errors by group **were not measured**. Pictures found by searching the web
  are often acted, and show some people far more than others. Expect worse answers, until you have measured them, for
  whoever is rare there: children, old people, dark skin in poor light, covered or turned faces, cultures that show
  less.
- One picture, no time: a blink or a spoken word looks like an expression. The runtime smooths over frames for that
  reason."""


def card_text(manifest: Manifest, comparisons: Sequence[Comparison], data: FaceData, *, max_loss: float) -> str:
    """Return the card as Markdown. The first comparison is the validation split's, on which the model was chosen."""
    sections = [
        f"# {manifest.name}",
        PURPOSE.format(size=manifest.input.size, labels=", ".join(manifest.labels)).rstrip(),
        "## Data",
        f"Trained on {manifest.trained_on}.",
        FER2013_DATA if data.name == "FER2013" else OTHER_DATA,
        *([VOTES] if "FER+" in manifest.trained_on else []),
        "## Accuracy",
        *_accuracy(comparisons),
        "## Known biases",
        _biases(comparisons[0].int8, data),
        "## What int8 costs",
        _cost(comparisons[0], manifest, max_loss=max_loss),
        "## Framing",
        _framing(manifest),
        "## File",
        _file(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _accuracy(comparisons: Sequence[Comparison]) -> list[str]:
    first = comparisons[0].int8
    text = (
        f"Share of right answers, {len(first.labels)} classes. The training's best epoch was chosen on {first.split},"
        " so its figures flatter. *Not in training*: without the faces that also stand, pixel for pixel, in the"
        " training split."
    )
    if len(comparisons) == 1:
        text += " The test split was not read for this file."
    rows = [
        "| faces of | faces | checkpoint | int8 | balanced, int8 | calibration error, int8 |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for comparison in comparisons:
        pairs = [(comparison.int8.split, comparison.checkpoint.official, comparison.int8.official)]
        if comparison.checkpoint.unseen and comparison.int8.unseen:
            name = f"{comparison.int8.split}, not in training"
            pairs.append((name, comparison.checkpoint.unseen, comparison.int8.unseen))
        rows += [
            f"| {name} | {int8.faces} | {_percent(checkpoint.accuracy)} | {_percent(int8.accuracy)}"
            f" | {_percent(int8.balanced_accuracy)} | {int8.calibration_error:.3f} |"
            for name, checkpoint, int8 in pairs
        ]
    return [text, "\n".join(rows), *(_by_class(comparison) for comparison in comparisons)]


def _by_class(comparison: Comparison) -> str:
    checkpoint, int8 = comparison.checkpoint, comparison.int8
    rows = [
        f"| {int8.split}, share found | faces | checkpoint | int8 | int8, not in training |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, counts in zip(int8.labels, int8.official.confusion, strict=True):
        clean = int8.unseen.recall.get(name) if int8.unseen else None
        values = (checkpoint.official.recall.get(name), int8.official.recall.get(name), clean)
        rows.append(f"| {name} | {sum(counts)} | " + " | ".join(map(_percent, values)) + " |")
    return "\n".join(rows)


def _biases(int8: Evaluation, data: FaceData) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in zip(data.labels, data.training.counts(), strict=True))
    shares = [
        (count / sum(counts_of), truth, answer)
        for truth, counts_of in zip(int8.labels, int8.official.confusion, strict=True)
        for answer, count in zip(int8.labels, counts_of, strict=True)
        if truth != answer and count
    ]
    commonest = sorted(shares, reverse=True)[:CONFUSIONS]
    mistakes = "; ".join(f"{_percent(share)} of {truth} is called {answer}" for share, truth, answer in commonest)
    return BIASES.format(counts=counts, split=int8.split, mistakes=mistakes or "none")


def _cost(comparison: Comparison, manifest: Manifest, *, max_loss: float) -> str:
    change = 100 * (comparison.int8.official.accuracy - comparison.checkpoint.official.accuracy)
    return (
        f"On {comparison.int8.split}, checkpoint and int8 model give the same answer for"
        f" {_percent(comparison.agreement)} of the faces; accuracy changes by {change:+.2f} points (a loss of more than"
        f" {100 * max_loss:.2f} is not published). The largest difference of a probability is"
        f" {comparison.largest_difference:.3f}. Weights, activations, input and output are int8. Calibrated with"
        f" {manifest.calibration}."
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
        f"`{manifest.name}.tflite`: {manifest.size_bytes:,} bytes, {manifest.parameters:,} parameters, made"
        f" {manifest.created} with {versions}. sha256 `{manifest.sha256}`."
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
