"""The center as a VEN: polls a VTN, hands what is new to the center, and reports back.

Whatever a VTN says goes into the center's inbox like an operator's request: it is journaled before
it counts. An event that the VTN does not show any more is withdrawn, one that changed takes its own
place. While the VTN is away, what was heard of it goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
import structlog
from msgspec import Struct, field

from gridmuster.center.view import ActivationView, ProgramView, Rejected, Submitted
from gridmuster.clock import Clock, iso
from gridmuster.comms.openadr import Vtn
from gridmuster.errors import LinkError, SignalError
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.programs import OpenAdr
from gridmuster.programs.openadr import AdrEvent, Told, event_of, is_for, told
from gridmuster.signals import Action, OperatorRequest, ProgramSignal, Scope
from gridmuster.units import MS_PER_S

#: Longest wait after polls that failed, s of real time.
LONGEST_WAIT_S: Final = 300.0
ROLE: Final = "operator"
log = structlog.get_logger()


class SignalledCenter(Protocol):
    """What a VEN needs of the running center."""

    def programs(self) -> list[ProgramView]:
        """The programs of all areas with what they ask for."""
        ...

    def activations(self) -> list[ActivationView]:
        """Activations under way and those just over."""
        ...

    async def submit(self, request: OperatorRequest) -> Submitted | Rejected:
        """Hand a request to the core; returns when it is journaled and answered."""
        ...


class Followed(Struct):
    """What is known of an event of the VTN: as it was seen, and what became of its intervals."""

    event: AdrEvent
    digest: str
    seen_ms: int
    told: Told
    answers: dict[str, str] = field(default_factory=dict)
    report_id: str = ""
    reported: bytes = b""


class Ven:
    """Follows one VTN for one program.

    Args:
        area: id of the program's area.
        program: the program.
        center: who is told.
        clock: plant time.
        vtn: the VTN.
    """

    def __init__(
        self, area: str, program: OpenAdr, center: SignalledCenter, clock: Clock, vtn: Vtn
    ) -> None:
        self._area, self._program, self._center = area, program, center
        self._clock, self._vtn = clock, vtn
        self._names = frozenset({program.ven_name, area, *program.targets})
        self.followed: dict[str, Followed] = {}
        self._heard: set[str] = set()
        self._first = True

    async def run(self) -> None:
        """Poll until cancelled; a VTN that fails is waited for, longer each time."""
        failures = 0
        while True:
            try:
                await self.poll()
                failures = 0
            except LinkError as error:
                failures += 1
                log.warning("vtn", program=self._program.id, error=str(error), failures=failures)
            wait_s = self._program.poll_s * 2.0 ** min(failures, 10)
            await asyncio.sleep(min(wait_s, max(LONGEST_WAIT_S, self._program.poll_s)))

    async def poll(self) -> None:
        """Look at the VTN once, tell the center what is new, and report.

        Raises:
            LinkError: when the VTN does not answer or will not.
        """
        documents = await self._vtn.events()
        if self._first:
            self._heard = self._known_to_center()
            self._first = False
        now_ms = self._clock.now_ms()
        shown: set[str] = set()
        for document in documents:
            try:
                event = event_of(document)
            except SignalError as error:
                log.warning("vtn event", program=self._program.id, error=str(error))
                continue
            if is_for(event, self._names):
                shown.add(event.id)
                await self._take(event, msgspec.json.encode(document), now_ms)
        for name in [name for name in self.followed if name not in shown]:
            del self.followed[name]
        wanted = {one.event for f in self.followed.values() for one in f.told.signals}
        for gone in sorted(self._heard - wanted):
            await self._submit(ProgramSignal(self._program.id, gone, withdrawn=True), "")
        self._heard = wanted
        await self._report()

    def _known_to_center(self) -> set[str]:
        """Events that the center heard of before this process began."""
        start = f"{self._program.id}/"
        return {
            request.key.removeprefix(start)
            for one in self._center.programs()
            if one.id == self._program.id
            for request in one.requests
            if request.state != "over" and request.key.startswith(start)
        }

    async def _take(self, event: AdrEvent, raw: bytes, now_ms: int) -> None:
        digest = hashlib.sha256(raw).hexdigest()
        before = self.followed.get(event.id)
        if before is not None and before.digest == digest:
            return
        made = told(self._program, event, now_ms)
        follows = Followed(event, digest, now_ms, made)
        if before is not None:
            follows.report_id = before.report_id
        self.followed[event.id] = follows
        for signal in made.signals:
            text = event.event_name or f"OpenADR event {event.id}"
            follows.answers[signal.event] = await self._submit(signal, text[:200])
        if made.remarks:
            said = "; ".join(made.remarks)
            log.warning("vtn event in part", program=self._program.id, subject=event.id, why=said)

    async def _submit(self, signal: ProgramSignal, reason: str) -> str:
        now_ms = self._clock.now_ms()
        said = msgspec.json.encode(signal) + str(now_ms).encode()
        name = f"adr-{hashlib.sha256(said).hexdigest()[:24]}"
        request = OperatorRequest(
            name,
            f"VTN of {self._program.id}",
            ROLE,
            Action.SIGNAL,
            Scope.AREA,
            self._area,
            now_ms,
            signal.power_kw,
            signal.until_ms,
            reason,
            signal=signal,
        )
        found = await self._center.submit(request)
        if isinstance(found, Rejected):
            log.warning("vtn event refused", program=self._program.id, why=found.reason)
            return f"refused: {found.reason}"
        return found.text

    async def _report(self) -> None:
        """Report of each event what was granted, what is delivered, and what was refused."""
        requests = {
            request.key: request
            for one in self._center.programs()
            if one.id == self._program.id
            for request in one.requests
        }
        delivered_kw = {one.id: one.delivered_kw for one in self._center.activations()}
        for follows in self.followed.values():
            intervals = []
            for k, (name, answer) in enumerate(follows.answers.items()):
                request = requests.get(f"{self._program.id}/{name}")
                granted_kw = 0.0 if request is None else request.granted_kw
                given_kw = 0.0 if request is None else delivered_kw.get(request.activation, 0.0)
                state = "RUNNING_NORMAL" if given_kw > 0.0 else "IDLE_NORMAL"
                refused = answer.startswith("refused")
                if refused or (request is not None and request.state in ("refused", "ended")):
                    state = "IDLE_OPTED_OUT"
                said = request.answer if request is not None and request.answer else answer
                values = {"OPERATING_STATE": state, "SETPOINT": granted_kw, "READING": given_kw}
                payloads = [{"type": t, "values": [v]} for t, v in values.items()]
                payloads.append({"type": "PRIVATE_ANSWER", "values": [said]})
                intervals.append({"id": k, "payloads": payloads})
            await self._send(follows, intervals)

    async def _send(self, follows: Followed, intervals: list[dict[str, Any]]) -> None:
        remarks = [{"type": "PRIVATE_REMARK", "values": list(follows.told.remarks)}]
        if follows.told.remarks:
            intervals = [*intervals, {"id": len(intervals), "payloads": remarks}]
        raw = msgspec.json.encode(intervals)
        if not intervals or raw == follows.reported:
            return
        start = iso(self._clock.now_ms() // MS_PER_S * MS_PER_S)
        document = {
            "programID": follows.event.program_id,
            "eventID": follows.event.id,
            "clientName": self._program.ven_name,
            "reportName": f"{self._program.id} {follows.event.id}",
            "payloadDescriptors": [
                {"payloadType": "SETPOINT", "units": "KW"},
                {"payloadType": "READING", "readingType": "DIRECT_READ", "units": "KW"},
            ],
            "resources": [
                {
                    "resourceName": self._area,
                    "intervalPeriod": {"start": start, "duration": "PT0S"},
                    "intervals": intervals,
                }
            ],
        }
        follows.report_id = await self._vtn.report(document, follows.report_id)
        follows.reported = raw


async def run_vens(
    fleet: Fleet,
    center: SignalledCenter,
    clock: Clock,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Follow every VTN of a fleet until cancelled; one that cannot be followed is told of.

    Args:
        fleet: whose programs.
        center: who is told.
        clock: plant time.
        environment: holds the secrets; None: that of the process.
    """
    async with asyncio.TaskGroup() as group:
        for area, program in _programs(fleet):
            try:
                vtn = Vtn(program, environment)
            except LinkError as error:
                log.error("vtn", program=program.id, error=str(error))
                continue
            group.create_task(_follow(Ven(area, program, center, clock, vtn), vtn))


async def _follow(ven: Ven, vtn: Vtn) -> None:
    """Follow one VTN; a failure is logged, and what the center does goes on."""
    async with vtn:
        try:
            await ven.run()
        except Exception:
            log.error("vtn is followed no more", trace=traceback.format_exc())


def _programs(fleet: Fleet) -> Iterable[tuple[str, OpenAdr]]:
    return [(area.id, program) for area in fleet.areas for program in area.programs.openadr]
