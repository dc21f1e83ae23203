"""The projects of the corpus hold tests of their own, which are material and not ours to run."""

from __future__ import annotations

collect_ignore_glob = ["*/project/*"]
