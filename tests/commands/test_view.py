"""`muspipe view`: the page at an address of this machine."""

import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from muspipe.cli import main
from muspipe.commands import view

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def recording(tmp_path, velocity):
    np.savez(tmp_path / "mine.npz", velocity=velocity, frame_rate_hz=400, pixel_mm=0.5)
    return tmp_path / "mine.npz"


def status(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_one_page_for_this_machine_alone():
    with view.server_of(0) as server:
        server.page = b"the page"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        assert server.server_address[0] == "127.0.0.1"
        assert status(url) == (200, b"the page") and status(url.replace("127.0.0.1", "localhost"))[0] == 200
        assert status(url + "other")[0] == 404
        assert status(url, Host="elsewhere.example:80")[0] == 403
        server.shutdown()


def test_what_is_shown_is_the_report(recording, fake_method, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", lambda server: shown.append(server.page))
    assert main(["view", str(recording), "--method", "fake", "--set", "n_units=2", "--pixel-mm", "0.25"]) == 0
    (html,) = shown
    assert b"Motor units of mine.npz" in html and b"2 motor units found by fake" in html and b"of 0.25 mm" in html
    said = capsys.readouterr()
    assert "http://127.0.0.1:" in said.out and "2 motor units found in mine.npz" in said.err
    assert [path.name for path in recording.parent.iterdir()] == ["mine.npz"]


def test_what_was_noticed_is_told_in_the_terminal_too(tmp_path, velocity, fake_method, monkeypatch, capsys):
    velocity[..., 50] = velocity[..., 49]
    np.savez(tmp_path / "twice.npz", velocity=velocity, frame_rate_hz=400, pixel_mm=0.5)
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", lambda server: None)
    assert main(["view", str(tmp_path / "twice.npz"), "--method", "fake"]) == 0
    said = capsys.readouterr().err
    assert "1 motor unit found in twice.npz" in said and "note: 1 of 100 frames repeat the one before" in said


def test_until_interrupted(recording):
    """As in a terminal: the address on standard output, then Ctrl-C."""
    command = [sys.executable, "-m", "muspipe", "view", str(recording), "--method", "ica"]
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # though tests run in the background
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, **heard) as process:
        try:
            url = process.stdout.readline().split()[0]
            code, html = status(url)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert code == 200 and b"Motor units of mine.npz" in html
    with pytest.raises(urllib.error.URLError):
        status(url)


def test_bad_calls(recording, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for arguments, message in (
            ([str(recording), "--port", port], f"--port {port}: Address already in use: choose another"),
            ([str(recording), "--port", "70000"], "--port: expected a number from 0 to 65535, got 70000"),
            (["missing.npz"], "missing.npz: no such file"),
        ):
            assert main(["view", *arguments]) == 2
            (line,) = capsys.readouterr().err.strip().splitlines()
            assert message in line
