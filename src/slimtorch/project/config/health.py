"""``[service.health]``: how to ask whether the service is well. ``health = false`` switches the check off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.config.kinds import integer, matching, positive_seconds, seconds
from slimtorch.project.config.reader import BadValueError, Key, Section
from slimtorch.project.model import Health

if TYPE_CHECKING:
    from slimtorch.project.config.reader import Table

URL_PATH = matching(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*", 'a path on the service such as "/health"')


def _start_period(value: object) -> float | None:
    if value == "measured":
        return None
    try:
        return seconds(value)
    except BadValueError as bad:
        raise BadValueError(f'{bad}; or "measured"', bad.hint) from None


_STANDARD = Health()
PATH = Key("path", URL_PATH, _STANDARD.path, "The route that answers 200 once the model is loaded.", '"/health"')
INTERVAL = Key("interval", positive_seconds, _STANDARD.interval, "Time between checks.", "30", '"10s"')
TIMEOUT = Key("timeout", positive_seconds, _STANDARD.timeout, "How long one check may take.", "3")
START_PERIOD = Key(
    "start-period",
    _start_period,
    _STANDARD.start_period,
    'Time to load before a failed check counts; `"measured"` takes it from the load time that `slimtorch verify` saw.',
    "60",
    '"measured"',
)
RETRIES = Key("retries", integer(1, 100), _STANDARD.retries, "Failed checks in a row that make it unhealthy.", "3")
SECTION = Section(
    "service.health",
    'The health check. Times are seconds, or texts such as `"30s"` and `"2m"`. '
    "`health = false` under `[service]` switches it off.",
    (PATH, INTERVAL, TIMEOUT, START_PERIOD, RETRIES),
)


def read(table: Table) -> Health:
    """The section."""
    return Health(
        path=table.read(PATH),
        interval=table.read(INTERVAL),
        timeout=table.read(TIMEOUT),
        start_period=table.read(START_PERIOD),
        retries=table.read(RETRIES),
    )
