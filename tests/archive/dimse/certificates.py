"""Certificates for tests: an authority, and who it vouches for."""

from __future__ import annotations

import datetime
import ipaddress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

if TYPE_CHECKING:
    from pathlib import Path

_NOW = timezone.now()


class Authority:
    """Signs certificates for 127.0.0.1 into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject(name)
        certificate = self._sign(self._name, self._key, is_authority=True)
        self.path = self._write(f"{name}.pem", certificate.public_bytes(_PEM))

    @property
    def pem(self) -> str:
        """Its certificate as text."""
        return self.path.read_text(encoding="ascii")

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return paths of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_subject(name), key, is_authority=False)
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        return (
            self._write(f"{name}.crt", certificate.public_bytes(_PEM)),
            self._write(f"{name}.key", key.private_bytes(_PEM, form, plain)),
        )

    def _sign(self, subject, key, *, is_authority):
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOW - datetime.timedelta(days=1))
            .not_valid_after(_NOW + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(names, critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path


_PEM = serialization.Encoding.PEM


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
