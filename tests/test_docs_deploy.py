"""docs/howto/deploy.md: systemd, nginx and Caddy take what the page shows, where they are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from documents import ROOT, find_blocks
from seesum.server.counters import Counters
from seesum.server.limits import Limits

PAGE = ROOT / "docs" / "howto" / "deploy.md"


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
    text, limits = PAGE.read_text(), Limits()
    assert f"client_max_body_size {limits.body // 2**20}m;" in text
    assert f"max_size {limits.body // 2**20}MiB" in text
    assert f"{limits.answering + limits.batch * limits.each:.0f} seconds, for a batch of {limits.batch}" in text
    assert f"all {limits.connections} instead of {limits.address}" in text
    assert f"up to {limits.stopping} seconds" in text
    (timeout,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.M)
    assert int(timeout) > limits.stopping


def test_the_metrics_have_these_names() -> None:
    counters = Counters(frozenset({"/predict"}))
    counters.record("/predict", 200, 0.01)
    named = set(re.findall(r"`(seesum_\w+)`", PAGE.read_text()))
    assert named == set(re.findall(r"^# TYPE (\w+)", counters.format(), re.M))
    (scraping,) = find_blocks(PAGE, "yaml")
    assert yaml.safe_load(scraping)["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:8000"]}]
