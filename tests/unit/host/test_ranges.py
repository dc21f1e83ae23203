from __future__ import annotations

import pytest

from slimtorch.errors import FetchError
from slimtorch.host.connections import Settings
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.ranges import Part, WholeOnlyError
from tests.support.http import Asked, Reply, ranged, serve

BODY = bytes(range(256)) * 4000


def client(**settings: object) -> HttpFetch:
    return HttpFetch(Settings(**settings), sleep=lambda _: None)  # type: ignore[arg-type]


def part(asked: Asked) -> Reply:
    return ranged(asked, BODY)


def test_a_part_is_read_and_nothing_else() -> None:
    with serve(part) as server:
        assert client().read_range(f"{server.url}/a", 1000, 500) == Part(BODY[1000:1500], len(BODY))
    assert server.asked[0].headers["range"] == "bytes=1000-1499"
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_a_part_ends_where_the_file_ends() -> None:
    with serve(part) as server:
        found = client().read_range(f"{server.url}/a", len(BODY) - 10, 500)
    assert found == Part(BODY[-10:], len(BODY))


def test_of_a_server_that_sends_everything_nothing_is_read() -> None:
    endless = Reply(200, b"x" * 1000, {"Content-Length": "9000000000"}, cut=1000)
    with serve(lambda _: endless) as server, pytest.raises(WholeOnlyError, match="whole file only"):
        client().read_range(f"{server.url}/a", 0, 10)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "said",
    [
        "bytes 101-200/1024000",
        "bytes 100-300/1024000",
        "bytes 100-150/1024000",
        "bytes 100-99/1024000",
        "bytes */1024000",
        "lines 100-199/1024000",
        "",
    ],
)
def test_another_part_than_the_one_asked_for_is_refused(said: str) -> None:
    reply = Reply(206, BODY[100:200], {"Content-Range": said})
    with serve(lambda _: reply) as server, pytest.raises(FetchError, match="another part"):
        client().read_range(f"{server.url}/a", 100, 100)


def test_a_longer_body_than_promised_is_not_read() -> None:
    reply = Reply(206, BODY, {"Content-Range": f"bytes 100-199/{len(BODY)}"})
    with serve(lambda _: reply) as server:
        assert len(client().read_range(f"{server.url}/a", 100, 100).data) == 100


def test_a_broken_connection_is_tried_again() -> None:
    def answer(asked: Asked) -> Reply:
        reply = part(asked)
        return Reply(reply.status, reply.body, reply.headers, cut=20) if asked.number == 1 else reply

    with serve(answer) as server:
        assert client().read_range(f"{server.url}/a", 0, 100).data == BODY[:100]
    assert len(server.asked) == 2


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not() -> None:
    with serve(lambda asked: part(asked) if asked.number == 3 else Reply(503)) as server:
        assert client().read_range(f"{server.url}/a", 0, 4).data == BODY[:4]
    with serve(lambda _: Reply(404)) as server, pytest.raises(FetchError, match="404"):
        client().read_range(f"{server.url}/a?token=secret", 0, 4)
    assert len(server.asked) == 1


def test_credentials_stay_with_their_host_and_out_of_messages() -> None:
    with serve(part) as elsewhere, serve(lambda _: Reply(302, headers={"Location": f"{elsewhere.url}/b"})) as server:
        url = server.url.replace("://", "://user:word@") + "/a"
        assert client().read_range(url, 0, 4).data == BODY[:4]
    assert server.asked[0].headers["authorization"].startswith("Basic ")
    assert "authorization" not in elsewhere.asked[0].headers
    assert elsewhere.asked[0].headers["range"] == "bytes=0-3"
    with serve(lambda _: Reply(403)) as server, pytest.raises(FetchError) as caught:
        client().read_range(server.url.replace("://", "://user:word@") + "/a?token=1", 0, 4)
    assert "word" not in caught.value.message
    assert "token" not in caught.value.message


def test_offline_nobody_is_asked() -> None:
    with serve(part) as server, pytest.raises(FetchError, match="offline"):
        client(offline=True).read_range(f"{server.url}/a", 0, 4)
    assert server.asked == []
