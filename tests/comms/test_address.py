"""A broker's URL: what is understood, what is refused, and that a secret never shows."""

from pathlib import Path

import pytest

from gridmuster.comms.address import BrokerAddress, TlsFiles, parse_address, tls_context
from gridmuster.errors import LinkError


def test_the_short_form() -> None:
    assert parse_address("mqtt://127.0.0.1") == BrokerAddress("127.0.0.1", 1883)
    assert parse_address("mqtts://broker.example") == BrokerAddress(
        "broker.example", 8883, tls=TlsFiles()
    )


def test_the_long_form(tmp_path: Path) -> None:
    for name in ("ca", "crt", "key"):
        (tmp_path / name).touch()
    address = parse_address(
        "mqtts://site%2Fone:p%40ss%3Aword@[::1]:2883"
        f"?ca={tmp_path}/ca&cert={tmp_path}/crt&key={tmp_path}/key"
    )
    assert (address.host, address.port) == ("::1", 2883)
    assert (address.user, address.password) == ("site/one", "p@ss:word")
    assert address.tls == TlsFiles(tmp_path / "ca", tmp_path / "crt", tmp_path / "key")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("127.0.0.1:1883", "scheme must be"),
        ("http://u:topsecret@host", "scheme must be"),
        ("mqtt://u:topsecret@:1883", "host is missing"),
        ("mqtt://u:topsecret@host:0x1", "port must be a number"),
        ("mqtt://u:topsecret@host:70000", "port must be a number"),
        ("mqtt://u:topsecret@host?ca=x", "'ca' is not known here"),
        ("mqtts://u:topsecret@host?verify=no", "'verify' is not known here"),
        ("mqtts://u:topsecret@host?ca=/nowhere/ca.crt", "no such file"),
    ],
)
def test_a_bad_url_is_refused_and_its_secret_stays_out_of_the_message(url: str, says: str) -> None:
    with pytest.raises(LinkError, match=says) as caught:
        parse_address(url)
    assert "topsecret" not in str(caught.value)


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "crt").touch()
    with pytest.raises(LinkError, match="belong together"):
        parse_address(f"mqtts://host?cert={tmp_path}/crt")


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("not a certificate")
    with pytest.raises(LinkError, match=f"{tmp_path}/ca: cannot be used"):
        tls_context(TlsFiles(ca=tmp_path / "ca"))


def test_a_secret_does_not_show_in_print() -> None:
    address = parse_address("mqtt://user:topsecret@host")
    assert "topsecret" not in f"{address!r} {address}"
