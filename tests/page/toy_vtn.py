"""A small VTN: token, programs, events and reports of OpenADR 3.0 on a real socket."""

import asyncio
import secrets
from typing import Annotated, Any
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request

CLIENT, SECRET = "ven-client", "ven-secret"


class ToyVtn:
    """What a VTN holds; a test changes it between polls."""

    def __init__(self) -> None:
        self.programs: list[dict[str, Any]] = [{"id": "p-1", "programName": "peaks"}]
        self.events: list[dict[str, Any]] = []
        self.reports: dict[str, dict[str, Any]] = {}
        self.tokens: set[str] = set()
        self.fetched = 0
        self.broken = False
        self.app = FastAPI(openapi_url=None)
        self._routes()

    def _routes(self) -> None:
        app = self.app

        def enter(authorization: str) -> None:
            if self.broken:
                raise HTTPException(503, "the VTN is away")
            if authorization.removeprefix("Bearer ") not in self.tokens:
                raise HTTPException(401, "no such token")

        @app.post("/auth/token")
        async def token(request: Request) -> dict[str, Any]:
            form = dict(parse_qsl((await request.body()).decode()))
            wanted = {"grant_type": "client_credentials", "client_id": CLIENT}
            if form != {**wanted, "client_secret": SECRET}:
                raise HTTPException(401, "wrong client")
            self.fetched += 1
            made = secrets.token_urlsafe(8)
            self.tokens.add(made)
            return {"access_token": made, "token_type": "Bearer", "expires_in": 3600}

        @app.get("/programs")
        async def programs(
            authorization: Annotated[str, Header()] = "", skip: int = 0, limit: int = 50
        ) -> list[dict[str, Any]]:
            enter(authorization)
            return self.programs[skip : skip + limit]

        @app.get("/events")
        async def events(
            programID: str,  # noqa: N803
            authorization: Annotated[str, Header()] = "",
            skip: int = 0,
            limit: int = 50,
        ) -> list[dict[str, Any]]:
            enter(authorization)
            found = [one for one in self.events if one["programID"] == programID]
            return found[skip : skip + limit]

        @app.post("/reports")
        async def new_report(
            request: Request, authorization: Annotated[str, Header()] = ""
        ) -> dict[str, Any]:
            enter(authorization)
            name = f"r-{len(self.reports)}"
            self.reports[name] = {**await request.json(), "id": name}
            return self.reports[name]

        @app.put("/reports/{name}")
        async def again(
            name: str, request: Request, authorization: Annotated[str, Header()] = ""
        ) -> dict[str, Any]:
            enter(authorization)
            self.reports[name] = {**await request.json(), "id": name}
            return self.reports[name]

    async def start(self) -> None:
        """Listen on a free port; ``url`` says where."""
        config = uvicorn.Config(self.app, host="127.0.0.1", port=0, log_level="warning")
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Listen no more."""
        self._server.should_exit = True
        await self._task

    def states(self, event: str) -> list[str]:
        """The operating states last reported of an event's intervals."""
        (report,) = [one for one in self.reports.values() if one["eventID"] == event]
        return [
            payload["values"][0]
            for interval in report["resources"][0]["intervals"]
            for payload in interval["payloads"]
            if payload["type"] == "OPERATING_STATE"
        ]

    def reported(self, event: str, kind: str) -> list[Any]:
        """All values of a kind last reported of an event."""
        (report,) = [one for one in self.reports.values() if one["eventID"] == event]
        return [
            value
            for interval in report["resources"][0]["intervals"]
            for payload in interval["payloads"]
            if payload["type"] == kind
            for value in payload["values"]
        ]


def event(name: str, start: str, *payloads: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An event of one interval of half an hour."""
    return {
        "id": name,
        "objectType": "EVENT",
        "programID": "p-1",
        "eventName": f"event {name}",
        "intervalPeriod": {"start": start, "duration": "PT30M"},
        "intervals": [{"id": 0, "payloads": list(payloads)}],
        **more,
    }
