"""A broker's address as a user writes it: one URL, certificates included.

mqtt://127.0.0.1:1883
mqtt://user:password@broker.example:1883
mqtts://broker.example:8883?ca=ca.crt&cert=site-1.crt&key=site-1.key
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from gridmuster.errors import LinkError

#: Ports that IANA assigned to MQTT, without and with TLS.
DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificates of one TLS connection; None means the system's own, or none.

    Args:
        ca: who signed the broker's certificate, PEM.
        cert: the client's own certificate, PEM.
        key: the private key of ``cert``, PEM.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is and how to be let in; the password stays out of any print-out.

    Args:
        host: name or address.
        port: TCP port.
        user: name to log in with, "" for none.
        password: secret that belongs to it.
        tls: certificates, None for a plain connection.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: TlsFiles | None = None

    def __str__(self) -> str:
        scheme = "mqtt" if self.tls is None else "mqtts"
        return f"{scheme}://{self.host}:{self.port}"


def parse_address(url: str) -> BrokerAddress:
    """The broker's address in a URL.

    Args:
        url: ``mqtt://`` or ``mqtts://``, as in this module's description.

    Raises:
        LinkError: for another scheme, a missing host, a bad port, an unknown option, a file that
            is not there, or certificates on a plain connection. It never shows the password.
    """
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.hostname or ''}"
    if parts.scheme not in DEFAULT_PORTS:
        raise LinkError(f"broker {shown!r}: scheme must be mqtt:// or mqtts://")
    try:
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError as error:
        raise LinkError(f"broker {shown!r}: the port must be a number from 1 to 65535") from error
    if not parts.hostname:
        raise LinkError(f"broker {shown!r}: the host is missing, write {parts.scheme}://host:port")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - {"ca", "cert", "key"})
    if unknown or (options and parts.scheme == "mqtt"):
        raise LinkError(
            f"broker {shown!r}: option {(unknown or sorted(options))[0]!r} is not known here; "
            "mqtts:// takes ca, cert and key"
        )
    tls = None
    if parts.scheme == "mqtts":
        files = {name: _file(shown, name, value) for name, value in options.items()}
        if ("cert" in files) != ("key" in files):
            raise LinkError(f"broker {shown!r}: cert and key belong together")
        tls = TlsFiles(**files)
    return BrokerAddress(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
    )


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """How a client checks the broker and shows who it is.

    Args:
        files: certificates; without a CA the system's own are trusted.

    Raises:
        LinkError: when a certificate or key cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=files.ca)
        if files.cert is not None:
            context.load_cert_chain(files.cert, files.key)
    except (OSError, ValueError) as error:
        named = ", ".join(str(path) for path in (files.ca, files.cert, files.key) if path)
        raise LinkError(f"TLS files {named}: cannot be used: {error}") from error
    return context


def _file(shown: str, name: str, value: str) -> Path:
    path = Path(value)
    if not path.is_file():
        raise LinkError(f"broker {shown!r}: {name}={value}: no such file")
    return path
