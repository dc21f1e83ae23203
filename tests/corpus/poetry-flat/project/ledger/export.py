import yaml

from ledger.book import Entry


def export(entries: list[Entry]) -> str:
    return yaml.safe_dump([entry.model_dump() for entry in entries])
