"""Measures how distance, light, noise and blur affect a model's predictions: `python -m train.conditions MODEL.tflite`.

The results go into a plot next to the model, and into the last section of its model card.
"""

import argparse
from functools import partial

from edge.device.files import atomic_write, user_path
from edge.errors import SinkError
from train.command import log_lines, program_name, run_command, run_program
from train.evaluation.conditions import measure_conditions, plot_path, update_card
from train.evaluation.corruptions import AXIS_LABELS
from train.evaluation.predict import find_model


def _measure(options: argparse.Namespace) -> None:
    from train.evaluation.plots import draw_conditions  # noqa: PLC0415  # Matplotlib is slow to import

    model = find_model(options.model)
    results = measure_conditions(model, options.photos)
    plot, card = plot_path(model), model.with_suffix(".md")
    figure = draw_conditions(results.conditions, AXIS_LABELS)
    before = card.read_text() if card.exists() else f"# {model.stem}"
    try:
        with atomic_write(plot) as temporary:
            figure.savefig(temporary, dpi=100, metadata={"Software": None})
        with atomic_write(card) as temporary:
            temporary.write_text(update_card(before, results, plot.name))
    except OSError as error:
        raise SinkError(
            f"{card}, {plot}: expected space and permission to write, found: {error.strerror}: free some space, or "
            "copy the model to another folder"
        ) from error
    first, second = results.halves
    lines = [
        f"{results.faces} faces, balanced accuracy {first:.3f} and {second:.3f} on the two halves",
        *(
            f"{row.kind:10}  {row.value:6g}  accuracy {row.accuracy:.1%}  balanced {row.balanced_accuracy:.1%}"
            f"  refused {row.refused:.1%}"
            for row in results.conditions
        ),
        f"{card}, {plot}",
    ]
    print("\n".join(lines))  # noqa: T201  # the command's output


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code (see `edge.errors`)."""
    parser = argparse.ArgumentParser(
        prog=program_name("train.conditions"),
        description="Measure how distance, light, noise and blur affect a model's predictions; update its model card.",
    )
    parser.add_argument("model", type=user_path, help="a .tflite with its manifest, or the name of a bundled model")
    parser.add_argument("--photos", type=user_path, required=True, help="a folder of photographs for each emotion")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args(arguments)
    log_lines()
    body = partial(_measure, options)
    return run_command("conditions", body, stopped="stopped: nothing was written", debug=options.debug)


if __name__ == "__main__":
    run_program(main)
