import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ntkbench.cli import parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(text: str = README) -> list[str]:
    return [line for block in blocks("sh", text) for line in block.splitlines() if line.startswith("ntkbench ")]


def anywhere(text: str = README) -> list[list[str]]:
    """The words of the commands that need no installation: `python -m ntkbench` of a checkout."""
    lines = [line for block in blocks("sh", text) for line in block.splitlines()]
    return [shlex.split(line.partition(" -m ntkbench ")[2]) for line in lines if " -m ntkbench " in line]


def sessions(text: str) -> set[str]:
    words = [shlex.split(line, comments=True) for block in blocks("sh", text) for line in block.splitlines()]
    after = [w[w.index("-s") + 1 :] for w in words if "-s" in w]
    return {name for w in after for name in (w[: w.index("--")] if "--" in w else w)}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    folder = tmp_path / "example"
    folder.mkdir()
    (task,) = [block for block in blocks("python") if "@task" in block]
    (folder / "squares.py").write_text(task)
    return folder


def test_every_session_that_the_documents_name_is_there() -> None:
    written = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), flags=re.MULTILINE)
    named = sessions(README) | sessions(CONTRIBUTING)
    assert {"reproduce", "tests", "lint", "types"} <= named <= set(written)


def test_every_command_of_the_readme_is_one() -> None:
    assert len(commands()) >= 10
    for command in commands():
        parser.parse(shlex.split(command)[1:])


def test_the_command_for_a_machine_without_our_packages_is_one() -> None:
    (words,) = anywhere()
    options = parser.parse(words)
    assert (options.device, options.tier, options.records) == ("cuda", "paper", Path("out.jsonl"))


@pytest.mark.parametrize("backend", ["numba", "torch", "jax"])
@pytest.mark.slow
def test_the_example_task_runs_and_its_claim_is_reproduced(example: Path, ntkbench: Callable, backend: str) -> None:
    (words,) = re.findall(r"`ntkbench (run squares .*?)`", README)
    outcome = ntkbench(*words.replace("DIR", str(example)).split(), "--backend", backend)
    assert (outcome.code, outcome.err) == (0, "")
    assert "reproduced" in outcome.out


@pytest.mark.slow
def test_the_commands_of_the_readme_run_one_after_another(
    ntkbench: Callable, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    # The run first: the others ask about its results.
    ordered = sorted(commands(), key=lambda command: not command.startswith("ntkbench run"))
    for command in ordered:
        words = shlex.split(command)[1:]
        outcome = ntkbench(*words)
        assert (outcome.code, outcome.err) == (0, ""), command
        assert outcome.out.strip(), command


def test_the_python_example_reads_the_database(
    example: Path, ntkbench: Callable, database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "squares", "--tasks", example, "--tier", "smoke", "--backend", "numba")
    assert ntkbench(*words).code == 0
    (code,) = [block for block in blocks("python") if "ntkbench.connect" in block]
    exec(code, {})
    assert "three squared" in capfd.readouterr().out


def test_the_examples_of_the_kernels_run(capfd: pytest.CaptureFixture[str]) -> None:
    regression, prediction = (
        block for block in blocks("python") if "architecture_kernels" in block and "torch" not in block
    )
    names: dict = {}
    exec(regression, names)
    first = capfd.readouterr().out
    assert len(first.splitlines()) == 2  # a row for each test image
    exec(prediction, names)
    # Networks that have been trained to the end predict on average what regression with the NTK does.
    expected, found = (re.findall(r"-?\d+\.\d*(?:e[+-]\d+)?", text) for text in (first, capfd.readouterr().out))
    assert (len(expected), len(found)) == (8, 4 + 3 * 8)
    np.testing.assert_allclose(*(np.asarray(part, dtype=float) for part in (found[-8:], expected)), rtol=1e-5)


def test_the_example_of_a_derivative_agrees_with_central_differences(capfd: pytest.CaptureFixture[str]) -> None:
    (code,) = [block for block in blocks("python") if "jax.grad" in block]
    found: dict = {}
    exec(code, found)
    slope = np.asarray(found["jax"].grad(found["error"])(found["images"]))
    assert capfd.readouterr().out.strip() == str(slope)
    fc_kernels, solve = found["fc_kernels"], found["kernel_regression"]
    images, inputs = (np.asarray(found[name], dtype=np.float64) for name in ("images", "inputs"))

    def error(images: np.ndarray) -> float:
        matrices = fc_kernels(images, depth=2).ntk, np.eye(4), fc_kernels(inputs, images, depth=2).ntk
        return float(np.sum((solve(*matrices, ridge=0.1).prediction - 0.25) ** 2))

    step = 1e-6 * np.outer(np.arange(1.0, 5.0), np.arange(4.0, 0.0, -1.0))
    difference = (error(images + step) - error(images - step)) / 2e-6
    assert np.sum(slope * step) / 1e-6 == pytest.approx(difference, rel=1e-4)


def printed(example: str) -> list[float]:
    """The first number after the colon of each line that an example prints."""
    file = ROOT / "tasks" / "_examples" / example
    assert len(file.read_text().splitlines()) <= 80
    words = [sys.executable, "-W", "error", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [float(line.rpartition(": ")[2].split()[0]) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_ten_distilled_images_know_the_digits() -> None:
    noise, distilled = printed("distil_digits.py")
    assert noise < 30 < 80 < distilled


@pytest.mark.slow
def test_the_gradient_finds_a_network_that_no_point_of_a_grid_surpasses() -> None:
    start, by_gradient, of_grid = printed("tune_network.py")
    assert by_gradient <= of_grid < start


@pytest.mark.parametrize(
    ("room", "needs", "names"),
    [
        ("sklearn", "sklearn", ["NTKClassifier", "NTKKernel"]),
        ("gpytorch", "gpytorch", ["NTKKernel"]),
        ("compat", "jax", ["neural_tangents"]),
    ],
)
def test_the_way_into_another_library_is_four_lines_at_most(
    room: str, needs: str, names: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(needs)
    examples = [block for block in blocks("python") if f"from ntkbench.{room} import" in block]
    assert [name for name, code in zip(names, examples, strict=True) if f"import {name}" not in code] == []
    for code in examples:
        assert len([line for line in code.splitlines() if line]) <= 4
        exec(code, {})
        assert capfd.readouterr().out.strip()


def test_the_examples_of_modules_run_one_after_another(capfd: pytest.CaptureFixture[str]) -> None:
    examples = [block for block in blocks("python") if "torch" in block and "gpytorch" not in block]
    assert len(examples) == 3
    names: dict[str, object] = {}
    for code in examples:
        assert len([line for line in code.splitlines() if line]) <= 4
        exec(code, names)
    shown = capfd.readouterr().out
    assert "[4, 4, 10, 10]" in shown
    assert shown.count("tensor") == 2


def test_the_files_that_the_readme_links_to_are_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) >= 3
    assert [link for link in links if not (ROOT / link).exists()] == []


def table(text: str, first: str) -> list[list[str]]:
    """The rows of the first table in Markdown whose first column has this name."""
    lines = text[text.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|--")]


def test_the_readme_shows_the_peers_as_they_were_measured() -> None:
    (_, *columns), *rows = table(README, "work")
    measured, work = {}, ""
    for row in table((ROOT / "results" / "peers.md").read_text(), "work")[1:]:
        work = row[0] or work
        measured[work, row[1]] = row[2] if row[1] == "neural-tangents" else row[6].partition(" ")[0]
    assert len(rows) >= 5
    for name, *cells in rows:
        assert cells == [measured.get((name, column), "") for column in columns], name


def test_the_readme_shows_whole_empirical_kernels_as_they_were_measured() -> None:
    names = {"jax": "jax", "torch module": "torch"}
    (_, _, *columns), *rows = table(README, "network")
    measured, work = {}, ""
    for row in table((ROOT / "results" / "peers-empirical.md").read_text(), "work")[1:]:
        work = row[0] or work
        measured[work, row[1]] = row[2] if row[1] == "neural-tangents" else row[6].partition(" ")[0]
    assert len(rows) == 4
    for name, seconds, *ratios in rows:
        network, outputs = ("FCN", name.rpartition("-")[2]) if "FCN" in name else ("ResNet", name.split()[-2])
        (work,) = {work for work, _ in measured if network in work and f"of {outputs} outputs" in work}
        assert seconds == measured[work, "neural-tangents"]
        found = [float(measured[work, names[column]]) for column in columns]
        assert [float(ratio) for ratio in ratios] == pytest.approx(found, abs=0.006), name
