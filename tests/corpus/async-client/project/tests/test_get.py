import anyio
import h2.config

import smallclient


def test_get():
    assert h2.config.H2Configuration(client_side=True)
    assert anyio.run(smallclient.get, "https://example.org/")
