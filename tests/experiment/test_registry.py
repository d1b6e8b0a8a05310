from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ntkbench import plugins
from ntkbench.errors import InputError
from ntkbench.experiment.registry import Topic, load_tasks, select, topics

ONE_TASK = '''
"""The question.

More about it.
"""
from ntkbench import Context, Metric, Tier, task

@task(title="T", source="none", metrics=[Metric("m", "1")], tiers=[Tier("smoke", n=1)])
def {name}(ctx: Context, *, n: int) -> None: ...
'''


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def refusal(*folders: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_tasks(folders)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_built_in_tasks_are_found() -> None:
    assert load_tasks()["cifar_cntk"].source.startswith("Arora et al. 2019")


def test_listing_tasks_imports_no_library_that_computes() -> None:
    code = (
        "import sys; from ntkbench.experiment.registry import load_tasks; load_tasks();"
        "print([n for n in ('torch', 'jax', 'numba', 'duckdb', 'sklearn') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_users_folder_adds_its_tasks(small_tasks: Path) -> None:
    tasks = load_tasks([small_tasks])
    assert list(tasks) == sorted(tasks)
    assert set(tasks) == set(load_tasks()) | {"squares", "faults", "differentiates"}
    assert tasks["squares"].about == "Small tasks for tests."


def test_a_tasks_text_is_that_of_its_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "more", one=ONE_TASK.format(name="one"))
    assert load_tasks([folder])["one"].about == "The question.\n\nMore about it."


def test_tasks_are_found_in_folders_within_a_folder(tmp_path: Path) -> None:
    deep = write(tmp_path / "more" / "deep" / "deeper", one=ONE_TASK.format(name="deep_one"))
    write(tmp_path / "more", one=ONE_TASK.format(name="shallow_one"))
    tasks = load_tasks([tmp_path / "more"])
    assert {"deep_one", "shallow_one"} <= set(tasks)
    assert tasks["deep_one"].function.__code__.co_filename == str(deep / "one.py")


def test_two_files_of_one_name_in_two_folders_do_not_collide(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "more" / name, same=ONE_TASK.format(name=f"of_{name}"))
    assert {"of_a", "of_b"} <= set(load_tasks([tmp_path / "more"]))


@pytest.mark.parametrize("hidden", ["_drafts/x", ".git/x", "_drafts/deeper/x", "a/.venv/lib/x", "_x", "a/_x", ".x"])
def test_what_begins_with_an_underscore_or_a_dot_is_left_out(hidden: str, tmp_path: Path) -> None:
    file = tmp_path / "more" / f"{hidden}.py"
    write(file.parent)
    file.write_text("1 / 0")
    assert load_tasks([tmp_path / "more"]) == load_tasks()


def test_a_folder_that_lies_in_another_counts_once(tmp_path: Path) -> None:
    deep = write(tmp_path / "more" / "deep", one=ONE_TASK.format(name="once"))
    assert "once" in load_tasks([tmp_path / "more", deep])
    assert topics([tmp_path / "more", deep])["once"].name == "deep"


def test_every_built_in_task_lies_in_a_folder_that_asks_a_question() -> None:
    found = topics()
    assert list(found) == list(load_tasks())
    assert found["cifar_cntk"].name == "cifar"
    for topic in found.values():
        assert re.fullmatch(r"[A-Z][^#|`\n]*\?", topic.question), topic


@pytest.mark.parametrize("readme", ["Is it so?\n\nMore.\n", "# Is it so?\r\nMore.\n", "Is it so?"])
def test_a_users_folder_asks_what_the_first_line_of_its_readme_says(readme: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "more", one=ONE_TASK.format(name="one"))
    (folder / "README.md").write_bytes(readme.encode())
    assert topics([folder])["one"] == Topic("more", "Is it so?")


def test_a_users_folder_without_a_readme_asks_nothing(small_tasks: Path) -> None:
    assert topics([small_tasks])["squares"] == Topic(small_tasks.name, "")


def test_a_readme_that_cannot_be_read_hides_no_task(tmp_path: Path) -> None:
    folder = write(tmp_path / "more", one=ONE_TASK.format(name="one"))
    (folder / "README.md").mkdir()
    assert "one" in load_tasks([folder])
    with pytest.raises(InputError, match=r"README\.md cannot be read: IsADirectoryError"):
        topics([folder])


def test_a_folder_named_twice_or_by_another_name_counts_once(
    small_tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_tasks)
    assert "squares" in load_tasks([small_tasks, Path(), small_tasks / ".." / small_tasks.name])


def test_two_names_for_one_task_are_one_task(tmp_path: Path) -> None:
    folder = write(tmp_path / "more", one=ONE_TASK.format(name="one") + "\nalias = one\n")
    assert "one" in load_tasks([folder])


def test_two_tasks_of_one_name_are_refused_naming_both_files(tmp_path: Path) -> None:
    text = ONE_TASK.format(name="same")
    folder = write(tmp_path / "more", a=text, b=text)
    assert refusal(folder) == f"two tasks are named 'same': in {folder / 'a.py'} and in {folder / 'b.py'}"


def test_a_task_imported_from_elsewhere_is_not_the_importing_files(small_tasks: Path) -> None:
    borrowing = "from ntkbench.experiment.registry import load_tasks\ncifar_cntk = load_tasks()['cifar_cntk']\n"
    write(small_tasks, borrowing=borrowing)
    assert load_tasks([small_tasks])["cifar_cntk"] is load_tasks()["cifar_cntk"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == f"tasks folder '{tmp_path / 'none'}' does not exist"


def test_a_file_in_a_folders_place_is_refused(small_tasks: Path) -> None:
    assert refusal(small_tasks / "small.py").endswith("small.py' is not a folder")


BROKEN = [
    ("import math\nvalue = 1 / 0\n", 2, "ZeroDivisionError: division by zero"),
    ("def f():\n    raise ValueError('first\\nsecond')\n\nf()\n", 2, "ValueError: first"),
    ("x = 1\ndef broken(:\n    pass\n", 2, "SyntaxError: invalid syntax"),
    ("import no_such_module\n", 1, "ModuleNotFoundError: No module named 'no_such_module'"),
    ("\n\nraise SystemExit('usage')\n", 3, "SystemExit: usage"),
    ("from ntkbench import Metric\n\nMetric('m', '1', better='more')\n", 3, "metric 'm': better must be"),
    ("raise AssertionError\n", 1, "AssertionError"),
]


@pytest.mark.parametrize(("text", "line", "fault"), BROKEN)
def test_a_broken_task_file_is_named_with_its_line(text: str, line: int, fault: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "more", broken=text)
    assert refusal(folder).startswith(f"task file {folder / 'broken.py'}, line {line}: {fault}")


def test_the_line_is_known_when_the_folder_is_given_relatively(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "more", broken="\n1 / 0\n")
    monkeypatch.chdir(tmp_path)
    assert ", line 2: ZeroDivisionError" in refusal(Path("more"))


def test_a_broken_file_can_be_mended_and_read_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "more", one="1 / 0")
    refusal(folder)
    write(folder, one=ONE_TASK.format(name="mended"))
    assert "mended" in load_tasks([folder])


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a distribution of modules with entry points, for this test alone."""
    site = tmp_path / "site"
    before = set(sys.modules)

    def do(points: str, **modules: str) -> None:
        write(site, **modules)
        info = site / "more_tasks-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: more-tasks\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ntkbench.tasks]\n{points}\n")
        monkeypatch.syspath_prepend(str(site))

    yield do
    for name in set(sys.modules) - before:
        if name.startswith("more_"):
            del sys.modules[name]


def test_an_entry_point_adds_the_tasks_of_its_module(install: Callable[..., None]) -> None:
    install("more = more_tasks", more_tasks=ONE_TASK.format(name="from_entry_point"))
    assert "from_entry_point" in load_tasks()
    assert topics()["from_entry_point"] == Topic("", "")


def test_an_entry_point_may_name_one_task(install: Callable[..., None]) -> None:
    install("more = more_tasks:named", more_tasks=ONE_TASK.format(name="named"))
    assert "named" in load_tasks()


def test_an_entry_point_may_name_a_package_that_gathers_its_modules_tasks(
    install: Callable[..., None], tmp_path: Path
) -> None:
    write(
        tmp_path / "site" / "more_package",
        __init__="from more_package.deep import deep",
        deep=ONE_TASK.format(name="deep"),
    )
    install("more = more_package")
    assert "deep" in load_tasks()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("more = more_absent", "it cannot be loaded: ModuleNotFoundError: No module named 'more_absent'"),
        ("more = more_tasks:absent", "it cannot be loaded: AttributeError"),
        ("more = more_broken", "it cannot be loaded: ZeroDivisionError"),
        ("more = more_tasks:Tier", "it has no tasks"),
        ("more = more_empty", "it has no tasks"),
    ],
)
def test_an_entry_point_without_tasks_is_left_out(points: str, message: str, install: Callable[..., None]) -> None:
    install(points, more_tasks=ONE_TASK.format(name="x"), more_broken="1 / 0", more_empty="")
    assert "cifar_cntk" in load_tasks()
    (line,) = plugins.left_out()
    assert line.startswith(f"left out: tasks 'more' of more-tasks 1.0 ({points.removeprefix('more = ')}): {message}")


def test_an_entry_point_cannot_take_a_name_that_is_taken(install: Callable[..., None]) -> None:
    install("more = more_tasks", more_tasks=ONE_TASK.format(name="cifar_cntk"))
    assert load_tasks()["cifar_cntk"].source.startswith("Arora et al. 2019")
    (line,) = plugins.left_out()
    assert "two tasks are named 'cifar_cntk': in " in line
    assert line.endswith("cifar_cntk.py and in tasks 'more' of more-tasks 1.0 (more_tasks)")


def test_named_tasks_are_chosen_once_in_the_order_given(small_tasks: Path) -> None:
    tasks = load_tasks([small_tasks])
    assert [t.name for t in select(tasks, ["squares", "faults", "squares"])] == ["squares", "faults"]


def test_without_a_name_all_tasks_are_chosen(small_tasks: Path) -> None:
    tasks = load_tasks([small_tasks])
    assert select(tasks, []) == list(tasks.values())


def test_an_unknown_task_is_answered_with_the_nearest(small_tasks: Path) -> None:
    with pytest.raises(InputError, match="unknown task 'sqares'; did you mean 'squares'"):
        select(load_tasks([small_tasks]), ["squares", "sqares"])
