"""Shows what the prior's strength trades: `python -m train.prior_sweep MODEL… --faces faces.npz --out prior.png`."""

import argparse
from functools import partial

from edge.device.files import atomic_write, user_path
from edge.errors import SinkError, printable
from edge.settings.schema import ClassifySettings
from train.command import log_lines, run_command, run_program
from train.evaluation.measurements import FOLDS
from train.evaluation.prior_sweep import sweep_lines, sweep_prior


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.prior_sweep",
        description="Measure models on everyday faces with a prior of rising strength; print a table and draw a plot.",
    )
    parser.add_argument("models", type=user_path, nargs="+", metavar="MODEL", help="runs, .keras or .tflite files")
    parser.add_argument("--faces", type=user_path, required=True, metavar="FILE.npz", help="faces of everyday life")
    parser.add_argument("--fold", type=int, choices=FOLDS, default=1, help="its fold (default: 1)")
    parser.add_argument("--out", type=user_path, metavar="PNG", help="the plot (default: none)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def sweep(options: argparse.Namespace) -> None:
    """Measure, print and draw."""
    sweeps = {model.stem: sweep_prior(model, options.faces, fold=options.fold) for model in options.models}
    lines = [line for name, rows in sweeps.items() for line in sweep_lines(name, rows)]
    print("\n".join(lines))  # noqa: T201  # the command's output
    if options.out is None:
        return
    from train.evaluation.plots import draw_prior_sweep  # noqa: PLC0415  # Matplotlib is slow to import

    figure = draw_prior_sweep(sweeps, default=ClassifySettings().prior_strength)
    try:
        with atomic_write(options.out) as temporary:
            figure.savefig(temporary, dpi=100, metadata={"Software": None})
    except OSError as error:
        raise SinkError(
            f"{options.out}: expected to write the plot, found: {error.strerror}: name another --out"
        ) from error
    print(printable(str(options.out)))  # noqa: T201  # the command's output


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    log_lines()
    return run_command("prior_sweep", partial(sweep, options), stopped="stopped", debug=options.debug)


if __name__ == "__main__":
    run_program(main)
