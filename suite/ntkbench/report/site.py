"""The HTML report: what the views say, through the templates in report/templates. The same database, the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ntkbench import formats, paths
from ntkbench.experiment.spec import Task
from ntkbench.report.folder import write_files
from ntkbench.report.mathml import mathml
from ntkbench.report.pages import compare, environments, index, performance, run, sql, task
from ntkbench.report.pages.page import Page, run_file, task_file
from ntkbench.report.query import ask, params_of
from ntkbench.report.rows.overview import TASK_RUNS
from ntkbench.report.vega import library_name
from ntkbench.results.database import NewerError
from ntkbench.results.store import Store

if TYPE_CHECKING:
    import duckdb
    from jinja2 import Environment
    from markupsafe import Markup


def write_site(
    store: Store, tasks: Mapping[str, Task], out: Path, questions: Mapping[str, str] = MappingProxyType({})
) -> Path:
    """Write the report.

    Pages are rendered whole before the first is written; what an earlier report wrote there and this one does not is
    removed.

    Args:
        store: The results database.
        tasks: The tasks that are installed, by name: a page says what its task declares.
        out: The folder to write to.
        questions: What the folder of each task asks, by the task's name: the first page puts its tasks below it.

    Returns:
        The path of index.html.

    Raises:
        InputError: There is no database, its views are not these, or nothing can be written to `out`.
        NewerError: The database is of a newer ntkbench: then the report is one page that says so.
        SystemFault: The machine refuses: the disk is full, say.
    """
    try:
        with store.reading() as connection, _one_thread(connection):
            names = [one.task for one in ask(connection, TASK_RUNS).rows()]
            # Each asks when it is called, and draws when its pages are asked for: then the database is free again.
            kinds = (task, run, compare, performance, environments)
            pages = [
                index.pages(connection, tasks, questions),
                *(kind.pages(connection, tasks) for kind in kinds),
                sql.pages(connection, store.path.name),
            ]
    except NewerError as error:
        write_files(out, _render([Page("index.html", "newer.html.j2", {"reason": _without_path(error, store)})], []))
        raise
    write_files(out, _render(chain.from_iterable(pages), names))
    return out / "index.html"


def _without_path(error: Exception, store: Store) -> str:
    """The message with the database's name alone: a report may be shown to others."""
    return str(error).replace(str(store.path), store.path.name)


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
        parameters=lambda setting: formats.parameters(params_of(setting)),
        grid=formats.grid,
        page=task_file,
        run=run_file,
        formula=mathml,
        prose=_prose,
        # JSON inside a script element: no text in it may end the element.
        script=lambda text: Markup(text.replace("<", "\\u003c")),
    )
    return environment


def _prose(text: str, tasks: list[str]) -> Markup:
    """Running text in which a name in backquotes is code, and leads to its page where it is a task's."""
    from markupsafe import Markup

    shown = Markup("")
    for k, part in enumerate(text.split("`")):
        if k % 2 == 0:
            shown += part
        elif part in tasks:
            shown += Markup('<a href="{}"><code>{}</code></a>').format(task_file(part), part)
        else:
            shown += Markup("<code>{}</code>").format(part)
    return shown
