"""Whether a site obeys a command: fencing, order, expiry and clock skew (invariants 5 and 8).

Pure: the site keeps a `FenceState` and asks `decide` for each command. The fence counts as seen,
and so rises, with every understood message of a newer center, even one that is refused for
another reason; the sequence counts only when obeyed.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from msgspec import Struct

from gridmuster.signals import SiteCommand
from gridmuster.units import MS_PER_S

#: Largest difference between a command's issue time and the site's clock, s (invariant 8).
MAX_SKEW_S: Final = 5.0


class FenceState(Struct, frozen=True):
    """What a site remembers of who may command it.

    ``last_sequence`` is the last obeyed under ``highest_fence``, -1 when none was.
    """

    highest_fence: int = 0
    holder: str = ""
    last_sequence: int = -1


class Obey(Struct, frozen=True):
    """The command is valid and new."""

    state: FenceState


class Repeat(Struct, frozen=True):
    """The command was obeyed before: acknowledge again, do nothing."""

    state: FenceState


class Reject(Struct, frozen=True):
    """The command is not obeyed, for a reason."""

    state: FenceState
    reason: str


class Lapsed(Struct, frozen=True):
    """The command came after its expiry."""

    state: FenceState
    reason: str


Decision = Obey | Repeat | Reject | Lapsed


def seen(state: FenceState, fence: int, center_id: str) -> FenceState:
    """The state after hearing that a center holds a fence; never a lower fence.

    Args:
        state: what the site remembers.
        fence: the fence claimed.
        center_id: who claims it.
    """
    if fence > state.highest_fence or (fence == state.highest_fence and not state.holder):
        return FenceState(fence, center_id, -1)
    return state


def decide(
    state: FenceState,
    command: SiteCommand,
    *,
    site: str,
    now_ms: int,
    known_ids: Container[str],
    link_allowance_s: float = 2.0,
) -> Decision:
    """What a site does with a command.

    Args:
        state: what the site remembers.
        command: the command, already decoded.
        site: the site's id.
        now_ms: the site's clock, ms since the epoch.
        known_ids: ids of commands obeyed before.
        link_allowance_s: how much a message may be late on the link on top of the skew, s.

    Returns:
        Obey, repeat, reject or lapsed, each with the state to keep.
    """
    if command.site != site:
        return Reject(state, f"for site {command.site}, this is {site}")
    if command.id in known_ids:
        return Repeat(state)
    if command.fence < state.highest_fence:
        return Reject(
            state,
            f"fence {command.fence} is older than {state.highest_fence} of {state.holder}",
        )
    state = seen(state, command.fence, command.center_id)
    if command.center_id != state.holder:
        return Reject(state, f"fence {command.fence} is held by {state.holder}")
    if command.sequence <= state.last_sequence:
        return Reject(state, f"sequence {command.sequence} is not newer than {state.last_sequence}")
    if now_ms >= command.expires_at_ms:
        late_s = (now_ms - command.expires_at_ms) / MS_PER_S
        return Lapsed(state, f"expired {late_s:.1f} s ago")
    age_s = (now_ms - command.issued_at_ms) / MS_PER_S
    if age_s < -MAX_SKEW_S:
        return Reject(state, f"issued {-age_s:.1f} s ahead of the site's clock")
    if age_s > MAX_SKEW_S + link_allowance_s:
        return Reject(
            state, f"issued {age_s:.1f} s ago; limit {MAX_SKEW_S + link_allowance_s:.1f} s"
        )
    return Obey(FenceState(state.highest_fence, state.holder, command.sequence))
