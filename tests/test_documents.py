import re
import shlex
from collections.abc import Callable
from pathlib import Path

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


def test_the_example_of_the_kernels_runs(capfd: pytest.CaptureFixture[str]) -> None:
    (code,) = [block for block in blocks("python") if "kernel_regression" in block]
    exec(code, {})
    assert len(capfd.readouterr().out.splitlines()) == 2  # a row for each test image


def test_the_examples_of_modules_run_one_after_another(capfd: pytest.CaptureFixture[str]) -> None:
    examples = [block for block in blocks("python") if "torch" in block]
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
