"""Show the packages of .nox/suite to the Python that runs this, behind its own.

asv builds and installs each commit's ntkbench in an environment of its own; torch, JAX and the rest come from the
suite's environment, so that no commit installs them again. A path in a .pth file comes after the environment's own
packages: the commit's ntkbench wins, and the editable one of the suite stays unseen (unlike with PYTHONPATH).
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path


def main() -> None:
    """Write the .pth file. Exits with a message when the suite's environment is missing."""
    suite = Path(__file__).resolve().parents[2] / ".nox" / "suite"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = [p for p in (suite / "lib" / version / "site-packages", suite / "Lib" / "site-packages") if p.is_dir()]
    if not packages:
        sys.exit(f"no packages for {version} in .nox/suite: run asv through `nox -s perf`")
    own = Path(sysconfig.get_path("purelib"))
    (own / "packages_of_the_suite.pth").write_text(f"{packages[0]}\n")


if __name__ == "__main__":
    main()
