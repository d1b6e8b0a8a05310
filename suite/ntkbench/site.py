"""The HTML report: what the views say, through the templates in report/templates. The same database, the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench import formats, paths
from ntkbench.drawing import library_name, write_library
from ntkbench.errors import InputError
from ntkbench.pages import compare, content, environments, index, performance, run, sql, task
from ntkbench.pages.page import Page
from ntkbench.spec import Task
from ntkbench.store import Store

if TYPE_CHECKING:
    import duckdb
    from jinja2 import Environment


def write_site(store: Store, tasks: Mapping[str, Task], out: Path) -> Path:
    """Write index.html, the other pages and what they share into the folder `out`; the path of the index.

    Pages are rendered whole before the first is written. Raises InputError when there is no database or the folder
    cannot be written.
    """
    with store.reading() as connection, _one_thread(connection):
        found = content.read(connection)
        schema = list(sql.pages(connection, store.path.name))
    pages = chain(
        index.pages(found),
        task.pages(found, tasks),
        run.pages(found),
        compare.pages(found),
        performance.pages(found),
        schema,
        environments.pages(found),
    )
    files = _render(pages, found.tasks)
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copytree(paths.shared("report/static"), out / "static", dirs_exist_ok=True)
        write_library(out / "static")
        (out / "runs").mkdir(exist_ok=True)
        for name, text in files.items():
            scratch = (out / name).with_name(f".{Path(name).name}.new")
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(out / name)
    except OSError as error:
        raise InputError(f"cannot write the report to {out}: {error.strerror or error}") from error
    return out / "index.html"


@contextmanager
def _one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Several threads would add in an order that changes, and sums with it; equal rows come in any order."""
    ((before,),) = connection.execute("SELECT current_setting('threads')").fetchall()
    connection.execute("SET threads = 1")
    try:
        yield
    finally:
        connection.execute(f"SET threads = {before}")


def _render(pages: Iterable[Page], tasks: list[str]) -> dict[str, str]:
    """File name -> text."""
    environment = _environment()
    files = {}
    for page in pages:
        if page.template is None:
            files[page.file] = page.values["text"]
            continue
        shared = {"tasks": tasks, "library": library_name(), "here": page.file, "root": "../" * page.file.count("/")}
        files[page.file] = environment.get_template(page.template).render(**shared, **page.values)
    return files


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(paths.shared("report/templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=formats.number,
        seconds=formats.seconds,
        quantity=formats.quantity,
        published=formats.published,
        parameters=formats.parameters,
        page=task.task_file,
        run=run.run_file,
        # JSON inside a script element: no text in it may end the element.
        script=lambda text: Markup(text.replace("<", "\\u003c")),
    )
    return environment
