from __future__ import annotations

from slimtorch.errors import FetchError, ResolveError
from slimtorch.sources.uv_output import failure, read_annotations, shorten

ANNOTATED = """\
anyio==4.16.0
    # via
    #   fastapi
    #   starlette
    # from https://index.example/simple
direct @ https://files.example/direct-1-py3-none-any.whl
    # via -r requirements.in
torch==2.13.0+cpu
    # via -r requirements.in
    # from file:///srv/wheels
"""


def test_annotations() -> None:
    found = read_annotations(ANNOTATED)
    assert found["anyio"].via == ("fastapi", "starlette")
    assert found["anyio"].page == "https://index.example/simple"
    assert found["direct"].page == ""
    assert found["torch"].page == "file:///srv/wheels"
    assert set(found) == {"anyio", "direct", "torch"}


def test_addresses_are_taken_out() -> None:
    text = "error: Failed to fetch: `https://u:p@index.example/simple/a/`\n  cause: dns error at file:///srv/x\n"
    assert shorten(text) == "Failed to fetch: <address>\ndns error at <address>"
    assert len(shorten("word " * 5000)) < 1300


def test_what_uv_means() -> None:
    built = failure(
        "cause: x\nhint: Wheels are required for `docopt` because building from source is disabled", "r.txt", "P"
    )
    assert isinstance(built, ResolveError)
    assert "docopt exists only as source" in built.message
    assert "builder stage" in built.hint
    network = failure("error: Request failed after 3 retries\n  cause: dns error", "r.txt", "P")
    assert isinstance(network, FetchError)
    missing = failure("  cause: Because nope was not found in the package registry and you require nope", "r.txt", "P")
    assert "spelling" in missing.hint
    offline = failure("cause: a\nhint: Packages were unavailable because the network was disabled.", "r.txt", "P")
    assert "--offline" in offline.hint
