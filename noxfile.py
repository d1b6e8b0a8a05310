"""Sessions: reproduce (the main one), gpu, tests, lint, types, report, peers, perf.

What follows -- goes to the command inside. All but lint share one environment, .nox/suite, whose `ntkbench` command is
there for you too.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import nox

nox.options.sessions = ["reproduce"]
nox.options.default_venv_backend = "venv"  # pip: it finds the wheels that a machine keeps

ROOT = Path(__file__).parent
SUITE = ROOT / ".nox" / "suite"
BIN = SUITE / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / "python"
NTKBENCH = BIN / "ntkbench"
CONSTRAINTS = ROOT / "constraints.txt"

# What the shared environment holds, as extras of pyproject.toml.
RUN = {"all"}
RUN_ON_GPU = {"all", "cuda"}
CHECK = {"all", "types"}

# What XLA compiles for a test is kept for the next one, and for the next run of the tests: it is over half of the
# time of those that use JAX most.
COMPILED_ONCE = {
    "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".nox" / "compiled"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}

# Exit codes of `ntkbench`: some runs failed, and the machine refused something; there are results all the same.
RUNS_FAILED, SYSTEM_FAULT = 3, 4

# Why no card can be used here. Nothing is installed yet: the module needs the standard library alone.
CARD_FAULT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from ntkbench.machine.cuda import driver; print(driver().fault)"
)


@nox.session(venv_backend="none")
def reproduce(session: nox.Session) -> None:
    """Run the experiments that are missing, on every backend here, then show the verdicts and write the report."""
    options = session.posargs
    on_gpu = "cuda" in options or "--device=cuda" in options
    if on_gpu:
        require_card(session)
    extras = RUN_ON_GPU if on_gpu else RUN
    if not PYTHON.exists():
        # The numba backend is installed in a third of the time: a first result before the rest.
        install(session, set())
        words = ("run", "--tier", "smoke", "--backend", "numba", *database(options))
        run(session, NTKBENCH, *words, success_codes=[0, RUNS_FAILED])
    install(session, extras)
    results(session, options)


@nox.session(venv_backend="none")
def gpu(session: nox.Session) -> None:
    """On a machine with a CUDA card: the tests that need one, then the published sizes on it, verdicts and report."""
    require_card(session)
    install(session, CHECK | RUN_ON_GPU)
    run(session, PYTHON, "-m", "pytest", "-m", "gpu", "-rs")
    results(session, ["--device", "cuda", "--tier", "paper", *session.posargs])


def results(session: nox.Session, options: list[str]) -> None:
    """Run what is missing, show the verdicts and write the report of what there is; end with the run's exit code."""
    code = exit_code(session, NTKBENCH, "run", *options)
    if code in (0, RUNS_FAILED, SYSTEM_FAULT) and "--dry-run" not in options:
        # What does not hold is a finding, shown here; failing on it is for `ntkbench verify` itself.
        judged = exit_code(session, NTKBENCH, "verify", *database(options))
        written = exit_code(session, NTKBENCH, "report", *database(options))
        session.log(f'ask for more: {NTKBENCH.relative_to(ROOT)} sql "FROM verdict"')
        code = code or (judged if judged > 1 else written)
    if code:
        session.warn(f"the runs, the verdicts or the report ended with exit code {code}; the reason is above")
        sys.exit(code)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the test suite on all cores."""
    install(session, CHECK)
    # A file's tests stay together: they share what is compiled for them.
    run(session, PYTHON, "-m", "pytest", "-n", "auto", "--dist", "loadfile", *session.posargs, env=COMPILED_ONCE)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check the types."""
    install(session, CHECK)
    run(session, PYTHON, "-m", "mypy", *session.posargs)


@nox.session(venv_backend="none")
def report(session: nox.Session) -> None:
    """Write the HTML report of what is stored."""
    install(session, RUN)
    run(session, NTKBENCH, "report", *session.posargs)


@nox.session(venv_backend="none")
def perf(session: nox.Session) -> None:
    """Time the benchmarks of a commit, of a range (--since REV), or against another commit (compare REV)."""
    install(session, RUN | {"perf"})
    run(session, PYTHON, "-m", "benchmarks.perf", *session.posargs)


@nox.session(venv_backend="none")
def peers(session: nox.Session) -> None:
    """Time other libraries and ours on the same inputs; each peer gets an environment of its own under .nox."""
    install(session, RUN)
    run(session, NTKBENCH, "peers", *session.posargs)


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Check style, formatting, and that imports go down only."""
    session.install("-q", "-c", str(CONSTRAINTS), "ruff", "import-linter")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", *session.posargs)
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": str(ROOT / "suite")})


def run(
    session: nox.Session, *words: object, success_codes: list[int] | None = None, env: dict[str, str] | None = None
) -> None:
    """Run a command of the shared environment."""
    session.run(*map(str, words), external=True, success_codes=success_codes or [0], env=env)


def exit_code(session: nox.Session, *words: object) -> int:
    """Run a command of the shared environment to its end and return its exit code, which nox keeps to itself."""
    command = [str(word) for word in words]
    session.log(shlex.join(command))
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the command got it too, and ends in its own way


def require_card(session: nox.Session) -> None:
    """End the session, before gigabytes are installed, where there is no CUDA card to run on."""
    command = [sys.executable, "-c", CARD_FAULT, str(ROOT / "suite")]
    fault = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if fault:
        session.error(f"no CUDA card to run on: {fault}")


def database(options: list[str]) -> list[str]:
    """The --db option among those of `ntkbench run`, for the commands that follow it."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--db")
    path = parser.parse_known_args(options)[0].db
    return ["--db", path] if path else []


def install(session: nox.Session, extras: set[str]) -> None:
    """Make the shared environment, or bring it up to date; nothing is done when it is."""
    stamp = SUITE / "installed"
    # All that decides what is installed, and the extras that were.
    files = [CONSTRAINTS.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), sys.version.encode()]
    state = hashlib.sha256(b"".join(files)).hexdigest()
    found, *held = stamp.read_text().split() if PYTHON.exists() and stamp.exists() else [""]
    if found == state and extras <= set(held):
        return
    if not PYTHON.exists():
        run(session, sys.executable, "-m", "venv", "--clear", SUITE)
    named = sorted(extras.union(held))
    # Nox has gone to this folder. By its path pip would take what brackets hold in it for extras.
    target = f".[{','.join(named)}]" if named else "."
    session.log(f"installing ntkbench{f' with {named}' if named else ''}; this is done once")
    pip = (PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input")
    run(session, *pip, "-c", CONSTRAINTS, "-e", target)
    stamp.write_text(" ".join([state, *named]))
