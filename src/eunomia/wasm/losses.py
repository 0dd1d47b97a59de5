"""What the buffers of a guest lost, by map, and as a line.

On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.wasm.callbacks import Calls


class Losses:
    """The part of a run that says what was lost."""

    _calls: Calls

    @property
    def lost(self) -> dict[str, int]:
        """Records that found no room in a buffer that the guest reads, by the name of its map; without zeros.

        Known when the guest has ended, and of an object that it closes, then. The kernel counts those of perf buffers
        (before Linux 6.0 not the last ones); those of rings the object does where ecc compiled it: what other rings
        lost is unknown, and not here.
        """
        found: dict[str, int] = {}
        for (name, _), count in list(self._calls.losses.items()):
            found[name] = found.get(name, 0) + count
        return found

    def loss_line(self) -> str:
        """Return the line about `lost` for the user, each map's under its name where there are several.

        "" where nothing was lost, or only of maps whose losses the guest asked for: it tells its user of them.
        """
        calls = self._calls
        told = [(*key, count) for key, count in calls.losses.items() if key[0] not in calls.asked]
        named = len({name for name, _, _ in told}) > 1
        each = [f"{name + ': ' if named else ''}{count} lost ({cause})" for name, cause, count in told]
        return f"events: {'; '.join(each)}" if each else ""
