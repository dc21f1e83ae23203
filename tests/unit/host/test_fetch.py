from __future__ import annotations

import base64
import io
import threading
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import FetchError
from slimtorch.host.connections import Connections, Settings, credentials_of, proxy_for, redact, without_credentials
from slimtorch.host.fetch import HttpFetch
from tests.support.http import Asked, Reply, serve

if TYPE_CHECKING:
    from pathlib import Path

BODY = bytes(range(256)) * 4000
TAG = {"ETag": '"one"'}


def client(**settings: object) -> HttpFetch:
    return HttpFetch(Settings(**settings), sleep=lambda _: None)  # type: ignore[arg-type]


def download(url: str, *, limit: int = len(BODY), **settings: object) -> bytes:
    sink = io.BytesIO()
    assert client(**settings).download(url, sink, limit=limit) == len(sink.getvalue())
    return sink.getvalue()


def ranged(asked: Asked, headers: dict[str, str]) -> Reply:
    start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
    part = {"Content-Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}", **headers}
    return Reply(206, BODY[start:], part)


def test_a_download_is_streamed_and_counted() -> None:
    counted: list[int] = []
    with serve(lambda _: Reply(body=BODY)) as server:
        sink = io.BytesIO()
        assert client().download(f"{server.url}/a", sink, limit=len(BODY), advance=counted.append) == len(BODY)
    assert sink.getvalue() == BODY
    assert sum(counted) == len(BODY)


def test_a_broken_connection_goes_on_where_it_broke() -> None:
    with serve(
        lambda asked: Reply(body=BODY, headers=TAG, cut=70_000) if asked.number == 1 else ranged(asked, TAG)
    ) as s:
        assert download(f"{s.url}/a") == BODY
    assert s.asked[1].headers["range"].startswith("bytes=")
    assert s.asked[1].headers["if-range"] == '"one"'


def test_a_server_without_ranges_is_read_again_from_the_start() -> None:
    with serve(lambda asked: Reply(body=BODY, cut=70_000 if asked.number == 1 else None)) as server:
        assert download(f"{server.url}/a") == BODY
    assert "range" not in server.asked[1].headers


def test_another_part_than_the_one_asked_for_is_refused() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.number == 1:
            return Reply(body=BODY, headers=TAG, cut=70_000)
        return Reply(206, BODY[5:], {"Content-Range": f"bytes 5-{len(BODY) - 1}/{len(BODY)}", **TAG})

    with serve(answer) as server, pytest.raises(FetchError, match="another part"):
        download(f"{server.url}/a")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int) -> None:
    with serve(lambda asked: Reply(body=BODY) if asked.number == 3 else Reply(status)) as server:
        assert download(f"{server.url}/a") == BODY


def test_retry_after_is_respected_and_capped() -> None:
    waits: list[float] = []
    said = {1: "2", 2: "9999"}
    with serve(
        lambda asked: Reply(429, headers={"Retry-After": said[asked.number]}) if asked.number < 3 else Reply()
    ) as s:
        HttpFetch(Settings(), sleep=waits.append).download(f"{s.url}/a", io.BytesIO(), limit=1)
    assert waits == [2.0, 30.0]


def test_a_server_that_stays_busy_is_given_up() -> None:
    with serve(lambda _: Reply(503)) as server, pytest.raises(FetchError, match="503") as caught:
        download(f"{server.url}/a", tries=3)
    assert len(server.asked) == 3
    assert caught.value.temporary


def test_a_missing_file_is_not_asked_for_twice() -> None:
    with serve(lambda _: Reply(404)) as server, pytest.raises(FetchError, match="404") as caught:
        download(f"{server.url}/a")
    assert len(server.asked) == 1
    assert not caught.value.temporary


def test_more_bytes_than_promised_are_refused() -> None:
    with serve(lambda _: Reply(body=BODY)) as server, pytest.raises(FetchError, match="larger than the 10 bytes"):
        download(f"{server.url}/a", limit=10)


def test_nobody_there_is_said_plainly() -> None:
    with serve(lambda _: Reply()) as server:
        url = server.url
    with pytest.raises(FetchError, match="no connection") as caught:
        download(f"{url}/a", tries=2)
    assert "0x" not in caught.value.message


def test_credentials_go_to_their_own_host_only() -> None:
    with serve(lambda _: Reply(body=b"x")) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        with serve(lambda _: Reply(302, headers={"Location": f"{elsewhere}/b"})) as first:
            place = first.url.removeprefix("http://")
            assert download(f"http://me:s%40cret@{place}/a") == b"x"
            assert download(f"{first.url}/a", credentials={first.url: "you:word"}) == b"x"
    sent = [base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode() for asked in first.asked]
    assert sent == ["me:s@cret", "you:word"]
    assert all("authorization" not in asked.headers for asked in other.asked)


def test_netrc_is_read(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password word\n")
    with serve(lambda _: Reply(body=b"x")) as server:
        download(f"{server.url}/a", netrc=netrc)
    assert base64.b64decode(server.asked[0].headers["authorization"].split()[1]) == b"me:word"


def test_a_damaged_netrc_is_named(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("nonsense here\n")
    with pytest.raises(FetchError, match="netrc"):
        Connections(Settings(netrc=netrc))


def test_redirects_end() -> None:
    with (
        serve(lambda _: Reply(302, headers={"Location": "/again"})) as server,
        pytest.raises(FetchError, match="more than"),
    ):
        download(f"{server.url}/a")


def test_a_redirect_to_a_file_is_refused() -> None:
    reply = Reply(302, headers={"Location": "file:///etc/passwd"})
    with serve(lambda _: reply) as server, pytest.raises(FetchError, match="not protected"):
        download(f"{server.url}/a")


def test_looking_tells_size_and_absence() -> None:
    with serve(lambda asked: Reply(body=BODY) if asked.path == "/there" else Reply(404)) as server:
        there, gone = client().look(f"{server.url}/there"), client().look(f"{server.url}/gone")
    assert (there.ok, there.size) == (True, len(BODY))
    assert not gone.ok
    assert {asked.method for asked in server.asked} == {"HEAD"}


def test_looking_falls_back_to_get() -> None:
    with serve(lambda asked: Reply(405) if asked.method == "HEAD" else Reply(body=b"abc")) as server:
        assert client().look(f"{server.url}/a").size == 3


def test_offline_asks_nobody() -> None:
    with serve(lambda _: Reply()) as server, pytest.raises(FetchError, match="offline"):
        download(f"{server.url}/a", offline=True)
    assert server.asked == []


def test_no_message_shows_credentials_or_queries() -> None:
    with serve(lambda _: Reply(403)) as server, pytest.raises(FetchError) as caught:
        download(f"http://me:hunter2@{server.url.removeprefix('http://')}/a?token=t0ken")
    said = caught.value.message + caught.value.hint
    assert "hunter2" not in said
    assert "t0ken" not in said
    assert "~/.netrc" in caught.value.hint


def test_a_proxy_is_used_and_gets_its_own_credentials() -> None:
    with serve(lambda _: Reply(body=b"by proxy")) as proxy:
        address = proxy.url.replace("http://", "http://p:q@")
        assert download("http://unknown.invalid/a", proxies={"http": address}) == b"by proxy"
    assert proxy.asked[0].path == "http://unknown.invalid/a"
    assert base64.b64decode(proxy.asked[0].headers["proxy-authorization"].split()[1]) == b"p:q"
    assert "authorization" not in proxy.asked[0].headers


@pytest.mark.parametrize(
    ("exempt", "expected"),
    [((), "http://p:1"), (("a.example",), ""), ((".example",), ""), (("*",), ""), (("ample",), "http://p:1")],
)
def test_no_proxy(exempt: tuple[str, ...], expected: str) -> None:
    assert proxy_for(Settings(proxies={"all": "p:1"}, no_proxy=exempt), "https", "a.example") == expected


def test_threads_share_one_client() -> None:
    fetch, results = client(), []
    with serve(lambda asked: Reply(body=asked.path.encode() * 1000)) as server:

        def one(number: int) -> None:
            sink = io.BytesIO()
            fetch.download(f"{server.url}/{number}", sink, limit=10_000)
            results.append(sink.getvalue() == f"/{number}".encode() * 1000)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert results == [True] * 8


def test_redaction() -> None:
    text = "see https://u:p@h.example/x?k=v#f and http://t@h/y, not a@b?c"
    assert redact(text) == "see https://h.example/x?***#f and http://h/y, not a@b?c"
    assert without_credentials("https://u:p@h:1/x") == "https://h:1/x"
    assert credentials_of("https://u:%3Ap@h/x") == "u::p"
