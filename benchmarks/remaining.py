"""Every test image that a network still reads wrongly, in one picture, beside what people say of its label.

    python benchmarks/remaining.py best

Writes results/remaining.png. Disputed labels are those that fewer than three of five raters upheld (results/disputed.csv).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from seesum.base.files import check_file, read_csv
from seesum.reading.reader import Reader
from seesum.runs.run import find_run
from seesum.showing.plots import draw_grid, save_figure


def main() -> None:
    """Draw, and print how many mistakes are disputes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run measured on test images, or a shipped network's name")
    run = find_run(parser.parse_args().run)
    disputed = {int(row["test_image"]): row for row in read_csv(Path("results/disputed.csv"))}
    test = run.load_splits().test
    digit_p = Reader.load(run).predict_every_addend(test.images).digit_p[:, 0]
    winners = digit_p.argmax(1)
    wrong = [int(image) for image in (winners != test.digits).nonzero()[0]]
    captions = []
    for image in wrong:
        row = disputed.get(image)
        votes = (
            f"\n{row['votes_for_label']} of 5 say {row['label']}, {row['votes_for_suggested']} {row['suggested']}"
            if row
            else ""
        )
        captions.append(f"#{image}: label {test.digits[image]}\nread {winners[image]} ({digit_p[image].max():.0%}){votes}")
    figure = draw_grid(test.images[wrong], captions, [image not in disputed for image in wrong], columns=7)
    path = save_figure(figure, check_file("results/remaining.png"))
    among = len(disputed.keys() & set(wrong))
    followed = sum(winners[image] == int(row["suggested"]) for image, row in disputed.items())
    print(
        f"{len(wrong)} of {len(winners):,} test images are read otherwise than labelled; {among} of those labels are disputed"
    )
    print(f"of the {len(disputed)} disputed labels {followed} are read as the raters' other suggestion; the picture is {path}")


if __name__ == "__main__":
    main()
