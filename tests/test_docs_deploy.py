"""docs/howto/deploy.md and http-api.md: systemd, nginx and Caddy take what is shown; limits and names are those of the code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from documents import ROOT, find_blocks
from seesum.reading.opening import MOST_SCANS
from seesum.server.app import REFUSALS
from seesum.server.counters import Counters
from seesum.server.limits import Limits

PAGE = ROOT / "docs" / "howto" / "deploy.md"
API = PAGE.with_name("http-api.md")


def find_program(name: str) -> str:
    """Return the path of a program, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def check(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = find_program("systemd-analyze")
    (unit,) = find_blocks(PAGE, "ini")
    path = tmp_path / "seesum.service"
    path.write_text(unit.replace("/opt/seesum/bin/seesum", str(Path(sys.executable).parent / "seesum")))
    assert str(tmp_path) not in check(analyze, "verify", path), "a line that systemd ignores is named with its file"
    rating = check(analyze, "security", "--offline=true", "--no-pager", path)
    (level,) = re.findall(r"Overall exposure level for seesum\.service: ([\d.]+)", rating)
    assert f"gives this unit {level}," in PAGE.read_text()


def test_nginx_takes_its_part(tmp_path: Path) -> None:
    nginx = find_program("nginx")
    (part,) = find_blocks(PAGE, "nginx")
    part = re.sub(r"listen .*;|ssl_certificate.*;", "", part)  # there is no certificate here
    folders = "".join(f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {folders} {part} }}"
    (tmp_path / "nginx.conf").write_text(whole)
    check(nginx, "-t", "-q", "-p", tmp_path, "-c", tmp_path / "nginx.conf")


def test_caddy_takes_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caddy = find_program("caddy")
    monkeypatch.setenv("HOME", str(tmp_path))
    (part,) = [block for block in find_blocks(PAGE, "text") if "reverse_proxy" in block]
    (tmp_path / "Caddyfile").write_text(part)
    check(caddy, "validate", "--config", tmp_path / "Caddyfile")


def test_the_limits_are_those_of_the_server() -> None:
    text, limits = PAGE.read_text().replace("**", ""), Limits()
    assert f"client_max_body_size {limits.body // 2**20}m;" in text
    assert f"max_size {limits.body // 2**20}MiB" in text
    assert f"{limits.answering + limits.batch * limits.each:.0f} seconds, for a batch of {limits.batch}" in text
    assert f"all {limits.connections} instead of {limits.address}" in text
    assert f"up to {limits.stopping} seconds" in text
    (timeout,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.M)
    assert int(timeout) > limits.stopping


def test_the_limits_of_the_api_are_those_of_the_server() -> None:
    limits = Limits()
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", API.read_text(), re.M))
    assert rows["a body"] == f"{limits.body // 2**20} MiB"
    assert rows["pixels in a request, read from the headers before anything is decoded"] == f"{limits.pixels // 10**6} million"
    assert rows["processor time to decode and prepare a picture"] == f"{limits.decoding:.0f} seconds"
    assert rows["scans in a progressive JPEG"] == str(MOST_SCANS)
    assert rows["time to receive a body"] == f"{limits.receiving:.0f} seconds"
    assert rows["time for an answer"].startswith(f"{limits.answering:.0f} seconds, and a quarter")
    assert limits.each == 0.25
    assert rows["pictures and bodies at once"].startswith(f"{limits.waiting}, and {limits.bodies // 2**20} MiB;")
    assert rows["request line and headers"] == f"{limits.receiving:.0f} seconds and {limits.head // 2**10} KiB"
    assert rows["time to read an answer"] == f"{limits.sending:.0f} seconds"
    assert rows["connections"].startswith(f"{limits.connections}, of which {limits.address} ")
    assert f"A batch has 1 to {limits.batch} pictures" in API.read_text()


def test_the_statuses_are_those_of_the_api() -> None:
    shown = {int(number) for row in re.findall(r"^\| ([\d, ]+) \|", API.read_text(), re.M) for number in row.split(",")}
    assert shown == {*REFUSALS} - {431}, "431 is for heads of more than 64 KiB, which no client sends by mistake"


def test_the_metrics_have_these_names() -> None:
    counters = Counters(frozenset({"/predict"}))
    counters.record("/predict", 200, 0.01)
    named = set(re.findall(r"`(seesum_\w+)`", PAGE.read_text()))
    assert named == set(re.findall(r"^# TYPE (\w+)", counters.format(), re.M))
    (scraping,) = find_blocks(PAGE, "yaml")
    assert '- targets: ["127.0.0.1:8000"]' in scraping
