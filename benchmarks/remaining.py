"""Plot every test image that a network still misreads, with the votes of people on its label.

    python benchmarks/remaining.py best

The picture is results/remaining.png. A label is disputed if fewer than three of five raters upheld it (results/disputed.csv).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from seesum.base.files import check_file, read_csv
from seesum.base.style import format_share
from seesum.reading.reader import Reader
from seesum.runs.run import find_run
from seesum.showing.plots import draw_grid, save_figure


def main() -> None:
    """Plot the misread images, and print how many of their labels are disputed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run that was evaluated on test images, or the name of a shipped network")
    run = find_run(parser.parse_args().run)
    disputed = {int(row["test_image"]): row for row in read_csv(Path("results/disputed.csv"))}
    test = run.load_splits().test
    digit_p = Reader.load(run).predict_every_addend(test.images).digit_p[:, 0]
    predicted = digit_p.argmax(1)
    wrong = [int(image) for image in (predicted != test.digits).nonzero()[0]]
    captions = []
    for image in wrong:
        row = disputed.get(image)
        votes = (
            f"\nVotes: {row['votes_for_label']} for {row['label']}, {row['votes_for_suggested']} for {row['suggested']}"
            if row
            else ""
        )
        first = f"Image {image}: label {test.digits[image]}"
        captions.append(f"{first}\nPredicted {predicted[image]} ({format_share(digit_p[image].max())}){votes}")
    title = "Test images that are read differently from their label (red: the label is not disputed)"
    figure = draw_grid(test.images[wrong], captions, [image not in disputed for image in wrong], title)
    path = save_figure(figure, check_file("results/remaining.png"))
    disputed_count = len(disputed.keys() & set(wrong))
    agreeing = sum(predicted[image] == int(row["suggested"]) for image, row in disputed.items())
    print(
        f"{len(wrong)} of {len(predicted):,} test images are read differently from their label; "
        f"{disputed_count} of those labels are disputed"
    )
    print(f"of the {len(disputed)} disputed labels {agreeing} are read as the raters' other suggestion; the picture is {path}")


if __name__ == "__main__":
    main()
