"""How the commands end when something is missing or wrong, as a person at the shell sees it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import terminal.examples
from terminal import exits
from tests.ports import free_port

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = Path(terminal.examples.__file__).parent
END_S_MAX = 60


def weigh_terminal(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "terminal.cli", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=END_S_MAX,
        check=False,
    )


def copied(name: str, folder: Path, more: str = "") -> Path:
    path = folder / "terminal.toml"
    path.write_text((EXAMPLES / f"{name}.toml").read_text() + more)
    return path


def test_a_configuration_with_problems_starts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "terminal.toml"
    path.write_text('[lane]\nkind = "x"\nboardng_s_max = 3\n[weighing]\nmax_kg = 1\n')
    ended = weigh_terminal("run", "--config", str(path))
    assert ended.returncode == exits.CONFIG
    for key in ("lane.kind", "lane.boardng_s_max", "weighing.max_kg"):
        assert key in ended.stderr
    assert "nothing was started" in ended.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has GPIO")
def test_a_missing_device_is_named_with_what_to_check(tmp_path: Path) -> None:
    ended = weigh_terminal("run", "--config", str(copied("gate", tmp_path)))
    assert ended.returncode == exits.ABSENT
    assert "Check that" in ended.stderr


def test_a_taken_port_is_one_line_with_the_option(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        demo = weigh_terminal("demo", "--port", str(port), "--folder", str(tmp_path / "demo"))
        path = copied("demo", tmp_path, f"\n[console]\nport = {port}\n")
        run = weigh_terminal("run", "--config", str(path))
    assert demo.returncode == exits.ABSENT
    assert f"Port {port} is taken; choose another with --port N." in demo.stderr
    assert run.returncode == exits.ABSENT
    assert str(port) in run.stderr
    assert "[console]" in run.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--page", "99999"), 2, "expected a port from 1 to 65535"),
        (("--bind", "127.0.0.1:63000", "--websocket"), exits.CONFIG, "choose one up to 62535"),
        (("--bind", "192.0.2.1:5683"), exits.ABSENT, "takes an address of this machine"),
        (("--store", "empty.sqlite"), exits.CORRUPT, "Put a backup back"),
    ],
)
def test_a_county_receiver_that_cannot_start_says_what_to_do(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    (tmp_path / "empty.sqlite").touch()
    where = [str(tmp_path / word) if word.endswith(".sqlite") else word for word in words]
    more = [] if "--store" in where else ["--store", str(tmp_path / "county.sqlite")]
    bind = [] if "--bind" in where else ["--bind", f"127.0.0.1:{free_port()}"]
    ended = weigh_terminal("county", *bind, *where, *more, "--keys", str(tmp_path / "keys"))
    assert ended.returncode == code, ended.stderr
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
