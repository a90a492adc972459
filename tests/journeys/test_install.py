"""The wheel installs and runs where there is neither compiler nor Node; the sdist carries a built UI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

import narthex
from support.api_server import ApiServer
from support.process import free_port

ROOT = Path(__file__).resolve().parents[2]
BUILD_TIMEOUT = 110  # seconds
pytestmark = pytest.mark.skipif(
    find_spec("scikit_build_core") is None or shutil.which("c++") is None,
    reason="a wheel cannot be built here: scikit-build-core or a C++ compiler is missing",
)


def run(command: Sequence[str | Path], cwd: Path = ROOT, **more: object) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=BUILD_TIMEOUT, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in the tree, so that objects of the development build are taken as they are."""
    folder = tmp_path_factory.mktemp("wheel")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-build-isolation", "--no-deps", "-w", str(folder)]
    run(command, env={**os.environ, "PATH": path})
    (found,) = folder.glob("narthex-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of a fresh environment that has the wheel and, by reference, its dependencies."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel])
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def test_the_wheel_holds_the_core_the_ui_and_the_rules_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split("/")[0] for n in names} == {"narthex", f"narthex-{narthex.__version__}.dist-info"}
    assert any(re.fullmatch(r"narthex/native/_core\..*\.so", n) for n in names)
    assert "narthex/llm/rules/llm-serving.rules.yml" in names
    assert f"narthex-{narthex.__version__}.dist-info/licenses/LICENSE" in names
    sources = {str(p.relative_to(ROOT / "src")) for p in (ROOT / "src").rglob("*.py")}
    assert {n for n in names if n.endswith(".py")} == sources


def test_an_installed_server_shows_its_ui_without_compiler_and_node(installed: Path, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("Node is not installed: the wheel was built without its UI")
    environment = {"PATH": str(installed)}
    program = [installed / "python", installed / "narthex"]
    version = run([*program, "server", "--version"], tmp_path, env=environment)
    assert narthex.__version__ in version
    where = run([installed / "python", "-c", "import narthex; print(narthex.__file__)"], tmp_path, env=environment)
    assert where.startswith(str(installed.parent))
    (tmp_path / "prometheus.yml").write_text("global: {scrape_interval: 1s}\n")
    port = free_port()
    flags = [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.path=data"]
    with ApiServer([*map(str, program), "server", *flags], port, tmp_path / "log", tmp_path, environment) as server:
        server.wait_ready()
        status, page = server.request("/query")
        assert status == 200
        (script,) = re.findall(r'src="\.?/?(assets/[^"]+\.js)"', page.decode())
        status, body = server.request(f"/{script}")
        assert status == 200 and len(body) > 10_000


def test_the_sdist_carries_a_built_ui_and_nothing_that_was_made_beside_it(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what belongs to the source is not known")
    tracked = run(["git", "ls-files"]).splitlines()
    for name in tracked:
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / "tree" / name)
    made = ("ui/dist/index.html", "ui/node_modules/x/index.js", "build/x.o", ".venv/x", "narthex-data/x")
    for name in made:
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).touch()
    code = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
    run([sys.executable, "-c", code, str(tmp_path)], tmp_path / "tree")
    (archive,) = tmp_path.glob("narthex-*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {n.partition("/")[2] for n in tar.getnames()}
    assert "ui/dist/index.html" in names
    assert not names & set(made[1:])
    needed = [n for n in tracked if n.startswith(("core/", "src/", "cmake/", "ui/"))]
    assert set(needed) | {"CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE"} <= names
