import sys
from pathlib import Path

from jaraco.collections import RangeMap
from jaraco.functools import compose
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from zope.interface import Interface, implementer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class IMerger(Interface):
    def merge(files):
        """One document out of several."""


@implementer(IMerger)
class YamlMerger:
    levels = RangeMap({10: "low", 20: "high"})

    def merge(self, files):
        read = compose(YAML().load, self.text, Path)
        result = CommentedMap()
        for name in files:
            result.update(read(name))
        return result

    def text(self, path):
        data = path.read_bytes()
        return zstd.decompress(data) if path.suffix == ".zst" else data
