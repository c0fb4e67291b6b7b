"""Carries letters to recipients: HTTPS POST with a signature, or SMTP in a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Protocol

import httpx
import msgspec

from gridmuster.clock import from_ms, wall_clock
from gridmuster.console.notices.settings import NoticeSettings, Recipient, Smtp
from gridmuster.console.notices.wording import Letter
from gridmuster.errors import Fault, FleetError, GridmusterError
from gridmuster.units import MS_PER_S

TIMEOUT_S: Final = 15.0
SIGNATURE_HEADER: Final = "X-Gridmuster-Signature"
TIMESTAMP_HEADER: Final = "X-Gridmuster-Timestamp"
#: Answers to a webhook that another attempt may cure, besides those from 500 up.
PASSING: Final = frozenset({408, 425, 429})


class NotSentError(GridmusterError):
    """A letter did not arrive.

    Args:
        text: why.
        lasting: whether another attempt would end the same.
    """

    def __init__(self, text: str, lasting: bool) -> None:
        super().__init__(text)
        self.lasting = lasting


class Sender(Protocol):
    """Carries letters to one recipient."""

    async def send(self, letter: Letter) -> None:
        """Carry one letter.

        Raises:
            NotSentError: when it did not arrive.
        """
        ...


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What proves that a webhook's body is this center's and of this moment (RFC 2104, SHA-256).

    Args:
        secret: known to both.
        timestamp: the header of that name, s since the epoch.
        body: as sent.
    """
    mark = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={mark.hexdigest()}"


class WebhookSender:
    """Posts letters as JSON.

    Args:
        url: where to.
        secret: for the signature; empty: none.
        context: whom to trust.
    """

    def __init__(self, url: str, secret: str, context: ssl.SSLContext | bool = True) -> None:
        self._url = url
        self._secret = secret
        self._context = context

    async def send(self, letter: Letter) -> None:
        """Post one letter; any answer of 200 to 299 will do."""
        body = msgspec.json.encode(letter.document)
        headers = {"Content-Type": "application/json", "Idempotency-Key": letter.id}
        if self._secret:
            timestamp = str(wall_clock().now_ms() // MS_PER_S)
            headers[TIMESTAMP_HEADER] = timestamp
            headers[SIGNATURE_HEADER] = signature(self._secret, timestamp, body)
        try:
            async with (
                httpx.AsyncClient(verify=self._context, timeout=TIMEOUT_S) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                status = response.status_code
        except httpx.HTTPError as error:
            text = f"{type(error).__name__} {error}".rstrip()
            raise NotSentError(text, lasting=False) from error
        if not 200 <= status < 300:
            passing = status >= 500 or status in PASSING
            raise NotSentError(f"it answered {status}", lasting=not passing)


class MailSender:
    """Sends letters as mail.

    Args:
        smtp: the server.
        password: of its user.
        to: the mailboxes.
        context: whom to trust.
    """

    def __init__(
        self, smtp: Smtp, password: str, to: tuple[str, ...], context: ssl.SSLContext
    ) -> None:
        self._smtp = smtp
        self._password = password
        self._to = to
        self._context = context

    async def send(self, letter: Letter) -> None:
        """Hand one letter to the server."""
        try:
            await asyncio.to_thread(self._deliver, self._message(letter))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            text = f"no mailbox of {', '.join(self._to)} was taken"
            raise NotSentError(text, lasting=all(code >= 500 for code in codes)) from error
        except smtplib.SMTPResponseException as error:
            words = error.smtp_error
            said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
            text = f"the server said {error.smtp_code} {said}"
            raise NotSentError(text[:300], lasting=error.smtp_code >= 500) from error
        except smtplib.SMTPNotSupportedError as error:
            raise NotSentError(str(error), lasting=True) from error
        except (smtplib.SMTPException, OSError) as error:
            text = f"{type(error).__name__} {error}".rstrip()
            raise NotSentError(text, lasting=False) from error

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._smtp.sender
        message["To"] = ", ".join(self._to)
        message["Subject"] = letter.subject
        message["Date"] = from_ms(wall_clock().now_ms())
        message["Message-ID"] = f"<{letter.id}@{self._smtp.sender.rpartition('@')[2]}>"
        # Asks answering machines for silence (RFC 3834 section 5).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        return message

    def _deliver(self, message: EmailMessage) -> None:
        smtp = self._smtp
        with self._connect() as line:
            if smtp.security == "starttls":
                line.starttls(context=self._context)
            if smtp.user:
                line.login(smtp.user, self._password)
            line.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        smtp = self._smtp
        if smtp.security == "tls":
            return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIMEOUT_S, context=self._context)
        return smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT_S)


def sender_for(settings: NoticeSettings, recipient: Recipient) -> Sender:
    """What carries letters to a recipient.

    Args:
        settings: the checked settings.
        recipient: one of theirs.

    Raises:
        FleetError: when a certificate cannot be read.
    """
    if recipient.webhook is not None:
        context = _context(settings.folder, recipient.webhook.ca)
        secret = settings.secrets.get(recipient.name, "")
        return WebhookSender(recipient.webhook.url, secret, context)
    smtp, email = settings.file.smtp, recipient.email
    assert smtp is not None and email is not None, "checked when the file was read"
    return MailSender(smtp, settings.password, email.to, _context(settings.folder, smtp.ca))


def _context(folder: Path, ca: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if ca:
            context.load_verify_locations(cafile=str(folder / ca))
    except (OSError, ssl.SSLError) as error:
        raise FleetError([Fault(ca, "", "unreadable", str(error), "a PEM certificate")]) from error
    return context
