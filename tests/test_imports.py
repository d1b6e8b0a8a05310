"""What tasks and pages may use, read from the source itself; and what listing tasks must not import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import ntkbench
from ntkbench import paths

PACKAGE = Path(ntkbench.__file__).parent
TASKS = sorted(file for file in paths.shared("tasks").rglob("*.py") if "_examples" not in file.parts)
ROOMS = ("", ".datasets", ".gpytorch", ".kernels", ".networks", ".sklearn", ".solvers", ".theory")
PUBLIC = {f"ntkbench{room}" for room in ROOMS}


def module_name(file: Path) -> str:
    parts = ("ntkbench", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(f): f for f in sorted(PACKAGE.rglob("*.py")) if not {"_share", "_vendor"} & set(f.parts)}


@cache
def public(module: str) -> frozenset[str]:
    """The names that a module of this package says are public; read, since its library may not be installed."""
    nodes = ast.parse(MODULES[module].read_text()).body if module in MODULES else []
    named = [node for node in nodes if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    return frozenset(name for node in named for name in ast.literal_eval(node.value))


@cache
def imports(file: Path) -> frozenset[tuple[str, str]]:
    """Pairs (module, name imported from it, or "" for the module itself), wherever in the file they stand."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                # A package's public name may be that of one of its modules too, as is `networks.finite`.
                is_module = full in MODULES and alias.name not in public(str(node.module))
                found.add((full, "") if is_module else (str(node.module), alias.name))
    return frozenset(found)


def attributes(file: Path, name: str) -> set[str]:
    """What a file takes from the module that it knows by this name: `a` and `b` of `name.a` and `name.b`."""
    nodes = [node for node in ast.walk(ast.parse(file.read_text(), str(file))) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == name}


@pytest.mark.parametrize("file", TASKS, ids=lambda f: f.stem)
def test_a_task_uses_public_names_alone(file: Path) -> None:
    for module, name in imports(file):
        if module.split(".")[0] == "ntkbench":
            assert module in PUBLIC, f"{file.name} imports {module}"
            named = {name} if name else attributes(file, module.rpartition(".")[2])
            assert named <= public(module), f"{file.name} uses of {module}: {sorted(named - public(module))}"


@pytest.mark.parametrize("file", TASKS, ids=lambda f: f.stem)
def test_a_task_names_no_array_library(file: Path) -> None:
    assert not {module.split(".")[0] for module, _ in imports(file)} & {"torch", "jax", "numba"}


def test_the_array_api_is_the_one_that_travels_with_the_package() -> None:
    used = {file for file in MODULES.values() for module, _ in imports(file) if module.startswith("ntkbench._vendor")}
    assert used
    assert not [f for f in MODULES.values() for module, _ in imports(f) if module.split(".")[0] == "array_api_compat"]


def test_the_site_reads_views_and_no_table() -> None:
    tables, views = (
        set(re.findall(rf"^CREATE {what} (\w+)", paths.shared(f"results/{file}").read_text(), re.MULTILINE))
        for what, file in (("TABLE(?: IF NOT EXISTS)?", "schema.sql"), ("OR REPLACE VIEW", "views.sql"))
    )
    sources = [
        file.read_text()
        for name, file in MODULES.items()
        if name.startswith(("ntkbench.report.pages.", "ntkbench.report.rows.", "ntkbench.report.site"))
    ]
    texts = [n.value for source in sources for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant)]
    read = {name for t in texts if isinstance(t, str) for name in re.findall(r"\b(?:FROM|JOIN) (\w+)", t)}
    assert "run" in tables
    assert read & views
    # The page of the schema asks DuckDB itself.
    assert {name for name in read if not name.startswith("duckdb_")} <= views


def test_the_package_hands_on_its_public_names_and_lists_them() -> None:
    assert dir(ntkbench) == sorted(ntkbench.__all__)
    for name in ntkbench.__all__:
        assert getattr(ntkbench, name).__module__.startswith("ntkbench.")
    with pytest.raises(AttributeError, match="no attribute 'runner_up'"):
        ntkbench.runner_up  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import ntkbench",
        "from ntkbench.experiment.registry import load_tasks; assert load_tasks()",
        "from ntkbench.cli import main as cli; assert cli.main(['list']) == 0",
        "import ntkbench.experiment.plan, ntkbench.results.store, ntkbench.backends, ntkbench.kernels, ntkbench.theory",
    ],
    ids=["import", "load_tasks", "list", "modules"],
)
def test_listing_tasks_imports_no_array_library(code: str) -> None:
    report = "; import sys; print('heavy:', *sorted({'torch', 'jax', 'numba', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code + report], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_the_package_alone_imports_no_kernels() -> None:
    code = "import ntkbench, sys; print(*(name for name in sys.modules if name.startswith('ntkbench.kernels')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
