"""``gridmuster forecast``: from a table of prices to scores and a page of plots."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gridmuster.cli.forecast import app
from gridmuster.clock import iso
from gridmuster.errors import FleetError

HOURS = 24 * 50


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dice = np.random.default_rng(4)
    ahead = 40.0 + 10.0 * np.sin(2 * np.pi * np.arange(HOURS) / 24) + dice.normal(size=HOURS)
    real = ahead - 1.0 + 2.0 * dice.normal(size=HOURS)
    real[dice.random(HOURS) < 0.02] += 150.0
    rows = [
        f"{iso(1_609_459_200_000 + 3_600_000 * k)},{real[k]:.2f},{ahead[k]:.2f}"
        for k in range(HOURS)
    ]
    path = tmp_path_factory.mktemp("market") / "prices.csv"
    path.write_text("\n".join(["time,rt_price,da_price", *rows]) + "\n")
    return path


def test_a_backtest_as_figures_and_as_a_page(prices: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ["backtest", str(prices), "--from", "2021-02-08", "--to", "2021-02-17", "--json"]
    got = CliRunner().invoke(app, [*words, "--spike", "100", "--html", str(page)])
    assert got.exit_code == 0, got.output
    (told,) = json.loads(got.stdout)
    assert (told["area"], told["intervals"], told["spike"]) == ("prices", 240, 100.0)
    scores = {score["name"]: score for score in told["scores"]}
    assert list(scores) == ["forecast", "persistence", "D-1", "D-7", "da_price"]
    assert scores["forecast"]["mae"] < scores["D-7"]["mae"]
    assert scores["D-7"]["rmae"] == pytest.approx(1.0)
    # The score of a single number is its absolute error.
    assert scores["da_price"]["crps"] == scores["da_price"]["mae"]
    text = page.read_text()
    pictures = [part.split("</svg>")[0] + "</svg>" for part in text.split("<svg ")[1:]]
    titles = [ET.fromstring("<svg " + part).findtext("title") for part in pictures]
    assert {"prices: forecast and outcome", "prices: reliability", "error by hour"} <= set(titles)
    assert "http" not in text


def test_the_table_names_every_way(prices: Path) -> None:
    got = CliRunner().invoke(
        app, ["backtest", str(prices), "--horizon", "1h", "--from", "2021-02-14"]
    )
    assert got.exit_code == 0, got.output
    for word in ("forecast", "persistence", "D-1", "D-7", "da_price", "rMAE", "Brier"):
        assert word in got.output


def test_check_tells_what_is_in_a_file(prices: Path) -> None:
    got = CliRunner().invoke(app, ["check", str(prices)])
    assert got.exit_code == 0
    assert "rt_price: 1,200 intervals of 60 min" in got.output
    assert "known ahead" in got.output


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--horizon", "2h"], "'2h' is no horizon"),
        (["--from", "yesterday"], "'yesterday' is no day"),
        (["--from", "2031-01-01"], "no interval of rt_price"),
    ],
)
def test_wrong_words_are_answered(prices: Path, more: list[str], text: str) -> None:
    got = CliRunner().invoke(app, ["backtest", str(prices), *more])
    assert got.exit_code == 2
    assert text in " ".join(got.output.replace("│", " ").split())


def test_a_file_that_no_preset_knows(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("when,what\n2021-01-01T00:00Z,3\n")
    got = CliRunner().invoke(app, ["backtest", str(path)])
    assert isinstance(got.exception, FleetError)
    assert "no preset has these" in str(got.exception)
