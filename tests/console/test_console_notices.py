"""Alarms told over real lines: a web server and a mail server that the test runs itself."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from msgspec import structs
from plant_serving import DEADLINE_S, Board, Center, serving
from plant_views import plant
from typer.testing import CliRunner

from gridmuster.center.view import AlarmView
from gridmuster.cli.notices import app
from gridmuster.clock import monotonic_s
from gridmuster.console.notices.ledger import Notice
from gridmuster.console.notices.running import MAX_TRIES, MAX_WAITING, Notices, Post
from gridmuster.console.notices.senders import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    NotSentError,
    WebhookSender,
    sender_for,
    signature,
)
from gridmuster.console.notices.settings import NoticeSettings, load_notices
from gridmuster.console.notices.wording import Letter, write
from gridmuster.console.tokens import Role
from gridmuster.errors import LinkError

VIEW = structs.replace(plant(6), alarms=[])
ALARM = AlarmView("silent.s003", "critical", "s003", "silent for 3 min", "check its link", 1000)


class Hook:
    """A web server that takes notices, and answers as the test says."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.taken.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.taken]


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(DEADLINE_S)


def until(done: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end_s = monotonic_s() + DEADLINE_S
    gate = threading.Event()
    while not done():
        assert monotonic_s() < end_s
        gate.wait(0.005)


def settings_in(folder: Path, recipients: list[dict[str, Any]], **more: Any) -> NoticeSettings:
    """The settings as written to a file: all recipients get all critical alarms at once."""
    names = [recipient["name"] for recipient in recipients]
    document = {
        "recipients": recipients,
        "routes": [{"severities": ["critical"], "steps": [{"to": names}]}],
        "group_s": 0,
        **more,
    }
    path = folder / "notices.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_notices(path)


def letter(number: int = 1) -> Letter:
    return write(Notice("kim", (ALARM,)), f"id{number}", "f", "UTC", 2000, "https://p.example")


def test_a_webhook_is_signed_so_that_its_body_can_be_trusted(hook: Hook, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept between us\n")
    secret.chmod(0o600)
    webhook = {"url": hook.url, "secret_file": "secret"}
    found = settings_in(tmp_path, [{"name": "kim", "webhook": webhook}])
    asyncio.run(sender_for(found, found.recipient("kim")).send(letter()))
    ((headers, body),) = hook.taken
    timestamp = headers[TIMESTAMP_HEADER.lower()]
    assert headers[SIGNATURE_HEADER.lower()] == signature("kept between us", timestamp, body)
    assert signature("kept between us", timestamp, body + b" ") != headers["x-gridmuster-signature"]
    assert headers["idempotency-key"] == "id1"
    (raised,) = json.loads(body)["raised"]
    assert raised == {
        "id": "silent.s003",
        "severity": "critical",
        "subject": "s003",
        "text": "silent for 3 min",
        "advice": "check its link",
        "since_ms": 1000,
        "since": "1970-01-01T00:00:01Z",
    }


@pytest.mark.parametrize(
    ("status", "lasting"), [(400, True), (404, True), (429, False), (503, False)]
)
def test_answers_that_another_attempt_may_cure_are_told_apart(
    hook: Hook, status: int, lasting: bool
) -> None:
    hook.answers = [status]
    with pytest.raises(NotSentError, match=str(status)) as error:
        asyncio.run(WebhookSender(hook.url, "").send(letter()))
    assert error.value.lasting is lasting
    assert SIGNATURE_HEADER.lower() not in hook.taken[0][0]


def test_a_redirect_is_not_followed(hook: Hook) -> None:
    hook.answers = [307]
    with pytest.raises(NotSentError):
        asyncio.run(WebhookSender(hook.url, "").send(letter()))
    assert len(hook.taken) == 1


class Clumsy:
    """A recipient that is away for some attempts."""

    def __init__(self, fails: int, lasting: bool = False) -> None:
        self.fails = fails
        self.lasting = lasting
        self.tries = 0
        self.got: list[str] = []

    async def send(self, letter: Letter) -> None:
        self.tries += 1
        if self.tries <= self.fails:
            raise NotSentError("away", self.lasting)
        self.got.append(letter.id)


async def drain(post: Post, done: Callable[[], bool]) -> None:
    """Run a post until something is so."""
    task = asyncio.create_task(post.run())
    async with asyncio.timeout(DEADLINE_S):
        while not done():
            await asyncio.sleep(0.001)
    task.cancel()


def test_a_letter_is_repeated_until_it_arrives_and_order_is_kept() -> None:
    async def run() -> None:
        kim = Clumsy(3)
        post = Post("kim", kim, first_retry_s=0.001)
        for number in range(3):
            post.put(letter(number))
        await drain(post, lambda: post.tally.sent == 3)
        assert kim.got == ["id0", "id1", "id2"]
        assert (post.tally.retries, post.tally.failed) == (3, 0)

    asyncio.run(run())


def test_a_letter_is_given_up_in_the_end_and_the_next_goes_out() -> None:
    async def run() -> None:
        kim = Clumsy(MAX_TRIES)
        post = Post("kim", kim, first_retry_s=0.0001)
        post.put(letter(1))
        post.put(letter(2))
        await drain(post, lambda: post.tally.sent == 1)
        assert (kim.got, post.tally.failed, post.tally.last_error) == (["id2"], 1, "away")
        gone = Clumsy(1, lasting=True)
        post = Post("gone", gone)
        post.put(letter(1))
        await drain(post, lambda: post.tally.failed == 1)
        assert gone.tries == 1

    asyncio.run(run())


def test_letters_that_wait_are_bounded() -> None:
    async def run() -> None:
        kim = Clumsy(0)
        post = Post("kim", kim)
        for number in range(MAX_WAITING + 7):
            post.put(letter(number))
        assert (post.waiting, post.tally.dropped) == (MAX_WAITING, 7)
        await drain(post, lambda: post.tally.sent == MAX_WAITING)
        assert kim.got[0] == "id7"

    asyncio.run(run())


# Through the whole center


@contextmanager
def told_center(settings: NoticeSettings) -> Iterator[Center]:
    with serving(VIEW, notices=settings) as center:
        yield center


def test_alarms_of_a_served_plant_are_told_acknowledged_and_shown(
    hook: Hook, tmp_path: Path
) -> None:
    recipients = [{"name": "kim", "webhook": {"url": hook.url}}]
    with told_center(settings_in(tmp_path, recipients, page="https://p.example")) as center:
        center.advance(alarms=[ALARM])
        until(lambda: len(hook.taken) == 1)
        (document,) = hook.documents()
        assert document["fleet"] == VIEW.fleet
        assert [alarm["id"] for alarm in document["raised"]] == [ALARM.id]
        with center.client(Role.VIEWER) as client:
            (row,) = client.get("/api/v1/notices").json()["recipients"]
            assert (row["name"], row["way"], row["sent"]) == ("kim", "webhook", 1)
            assert hook.url not in client.get("/api/v1/notices").text
            assert client.get("/api/v1/acks").json()["acks"] == []
            denied = acknowledge(client, ALARM.id)
            assert denied.status_code == 403
        with center.client(Role.OPERATOR) as client:
            done = acknowledge(client, ALARM.id)
            assert done.status_code == 200, done.text
            assert acknowledge(client, ALARM.id).headers["Idempotency-Replayed"] == "true"
            (ack,) = client.get("/api/v1/acks").json()["acks"]
            assert (ack["alarm"], ack["actor"], ack["note"]) == (ALARM.id, "operator", "on my way")
            (entry,) = client.get("/api/v1/audit").json()["entries"]
            assert (entry["action"], entry["target"]) == ("acknowledge", ALARM.id)
            unknown = acknowledge(client, "silent.s004", "k2")
            assert unknown.status_code == 404
            assert unknown.json()["suggestions"] == [ALARM.id]
        center.advance(alarms=[])
        until(lambda: len(hook.taken) == 2)
        assert [alarm["id"] for alarm in hook.documents()[1]["cleared"]] == [ALARM.id]
        with center.client(Role.VIEWER) as client:
            assert client.get("/api/v1/acks").json()["acks"] == []
        again = structs.replace(ALARM, since_ms=center.board.view().at_ms + 1)
        center.advance(alarms=[again])
        with center.client(Role.VIEWER) as client:
            assert client.get("/api/v1/acks").json()["acks"] == []


def acknowledge(client: httpx.Client, alarm: str, key: str = "k1") -> httpx.Response:
    return client.post(
        f"/api/v1/alarms/{alarm}/ack",
        json={"note": "on my way"},
        headers={"Idempotency-Key": key},
    )


def test_a_recipient_that_is_away_holds_nobody_back(hook: Hook, tmp_path: Path) -> None:
    recipients = [
        {"name": "away", "webhook": {"url": "http://127.0.0.1:9/x"}},
        {"name": "kim", "webhook": {"url": hook.url}},
    ]
    with told_center(settings_in(tmp_path, recipients)) as center:
        center.advance(alarms=[ALARM])
        until(lambda: len(hook.taken) == 1)
        with center.client() as client:

            def row() -> dict[str, Any]:
                found: dict[str, Any] = client.get("/api/v1/notices").json()["recipients"][0]
                return found

            until(lambda: row()["last_error"] != "")
            assert row()["sent"] == 0
            assert client.get("/api/v1/plant").status_code == 200


def test_what_was_acknowledged_stays_so_after_a_restart() -> None:
    async def run() -> None:
        from gridmuster.console.notices.acks import Acks
        from gridmuster.signals import Action, OperatorRequest, Scope

        board = Board(structs.replace(VIEW, alarms=[ALARM]))
        asked = OperatorRequest(
            "r1", "kim", "operator", Action.ACKNOWLEDGE, Scope.FLEET, ALARM.id, VIEW.at_ms
        )
        await board.submit(asked)
        first = Acks(board)
        assert first.of(ALARM) is None
        await first.refresh()
        ack = first.of(ALARM)
        assert ack is not None and ack.actor == "kim"
        later = structs.replace(ALARM, since_ms=VIEW.at_ms + 1)
        assert first.of(later) is None

    asyncio.run(run())


def test_a_failure_of_the_plant_does_not_stop_the_api(hook: Hook, tmp_path: Path) -> None:
    found = settings_in(tmp_path, [{"name": "kim", "webhook": {"url": hook.url}}])
    assert isinstance(Notices(found, lambda alarm: False).posts["kim"], Post)
    with told_center(found) as center:
        center.call(center.board.fail, LinkError("gone"))
        with center.client() as client:
            until(lambda: client.get("/api/v1/health").status_code == 503)
            assert client.get("/api/v1/alarms").status_code == 200


# Mail


class Mailbox:
    """A mail server that keeps what it gets."""

    def __init__(self, refuse: str = "") -> None:
        self.refuse = refuse
        self.got: list[tuple[EmailMessage, Envelope, bool]] = []

    async def handle_RCPT(  # noqa: N802 (the library's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.got.append((message, envelope, session.ssl is not None))
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on the PATH")
    folder = tmp_path_factory.mktemp("mail-tls")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subprocess.run(
        [
            openssl,
            *words.split(),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


def check_login(server: SMTP, session: Session, envelope: Envelope, how: str, data: Any) -> Any:
    right = LoginPassword(b"plant", b"hush")
    return AuthResult(success=data == right, handled=False)


@contextmanager
def mail_server(box: Mailbox, certificate: Path | None) -> Iterator[int]:
    options: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        options = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": check_login,
        }
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> asyncio.Server:
        return await loop.create_server(
            lambda: SMTP(box, loop=loop, **options), host="127.0.0.1", port=0
        )

    async def stop() -> None:
        server.close()
        await server.wait_closed()

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(DEADLINE_S)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()


def mail_settings(folder: Path, port: int, **smtp: Any) -> NoticeSettings:
    server = {"host": "127.0.0.1", "port": port, "sender": "plant@example.org", **smtp}
    mail = {"to": ["kim@example.org", "lee@example.org"]}
    return settings_in(folder, [{"name": "kim", "email": mail}], smtp=server)


def test_mail_goes_out_encrypted_and_logged_in(certificate: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "ca.pem").write_bytes((certificate / "cert.pem").read_bytes())
    login = {"user": "plant", "password_file": "password", "ca": "ca.pem"}
    box = Mailbox()
    with mail_server(box, certificate) as port:
        found = mail_settings(tmp_path, port, **login)
        asyncio.run(sender_for(found, found.recipient("kim")).send(letter()))
        untrusted = mail_settings(tmp_path, port, **{**login, "ca": ""})
        with pytest.raises(NotSentError, match="certificate"):
            asyncio.run(sender_for(untrusted, untrusted.recipient("kim")).send(letter()))
        (tmp_path / "password").write_text("wrong\n")
        wrong = mail_settings(tmp_path, port, **login)
        with pytest.raises(NotSentError, match="535") as error:
            asyncio.run(sender_for(wrong, wrong.recipient("kim")).send(letter()))
        assert error.value.lasting
    ((message, envelope, encrypted),) = box.got
    assert encrypted
    assert envelope.rcpt_tos == ["kim@example.org", "lee@example.org"]
    assert message["Subject"] == "[f] critical: s003 silent for 3 min"
    assert message["Message-ID"] == "<id1@example.org>"
    text = message.get_content()
    assert "check its link" in text and "https://p.example/#/alarms" in text


def test_a_server_without_encryption_gets_nothing(tmp_path: Path) -> None:
    box = Mailbox()
    with mail_server(box, None) as port:
        found = mail_settings(tmp_path, port)
        with pytest.raises(NotSentError, match="STARTTLS") as error:
            asyncio.run(sender_for(found, found.recipient("kim")).send(letter()))
        assert error.value.lasting
        plain = mail_settings(tmp_path, port, security="none")
        asyncio.run(sender_for(plain, plain.recipient("kim")).send(letter()))
    assert len(box.got) == 1


@pytest.mark.parametrize(("answer", "lasting"), [("550 no such box", True), ("451 later", False)])
def test_refused_mailboxes_are_told(tmp_path: Path, answer: str, lasting: bool) -> None:
    with mail_server(Mailbox(answer), None) as port:
        found = mail_settings(tmp_path, port, security="none")
        with pytest.raises(NotSentError, match=r"kim@example\.org") as error:
            asyncio.run(sender_for(found, found.recipient("kim")).send(letter()))
        assert error.value.lasting is lasting


def test_a_server_that_is_away_may_come_back(tmp_path: Path) -> None:
    found = mail_settings(tmp_path, 9, security="none")
    with pytest.raises(NotSentError) as error:
        asyncio.run(sender_for(found, found.recipient("kim")).send(letter()))
    assert not error.value.lasting


# The command


def test_the_command_sends_a_trial_to_each_recipient(hook: Hook, tmp_path: Path) -> None:
    recipients = [
        {"name": "kim", "webhook": {"url": hook.url}},
        {"name": "lee", "webhook": {"url": hook.url}},
    ]
    settings_in(tmp_path, recipients)
    file = str(tmp_path / "notices.yaml")
    assert "2 recipient(s)" in CliRunner().invoke(app, ["test", file, "--dry"]).output
    assert hook.taken == []
    done = CliRunner().invoke(app, ["test", file])
    assert (done.exit_code, done.output) == (0, "kim: told\nlee: told\n")
    hook.answers = [410]
    failed = CliRunner().invoke(app, ["test", file, "--to", "lee"])
    assert failed.exit_code == 1
    assert "lee: not told: it answered 410" in failed.output
    assert len(hook.taken) == 3
    assert CliRunner().invoke(app, ["test", file, "--to", "cat"]).exit_code == 2
