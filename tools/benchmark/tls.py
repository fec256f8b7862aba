"""TLS as every proxy of the bench does it: one certificate, the same versions, suites and groups.

Tickets are on, as they are for users of each; which handshakes are full is the client's choice.
"""

import os
import subprocess
from dataclasses import dataclass

from .processes import BenchError

VERSION = "TLSv1.3"
# The client's order decides, as it does in BoringSSL with TLS 1.3: this is what OpenSSL's clients, wrk
# among them, want first.
SUITE = "TLS_AES_256_GCM_SHA384"
_SUITES = f"{SUITE}:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
_CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: a self-signed certificate with a P-256 key, the key, and both in one."""

    certificate: str
    key: str
    bundle: str

    @staticmethod
    def make(folder):
        made = Certificate(*(os.path.join(folder, name) for name in ("certificate.pem", "key.pem", "bundle.pem")))
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", made.key)
        _openssl(
            *("req", "-x509", "-new", "-key", made.key, "-out", made.certificate, "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        )
        with open(made.bundle, "w") as bundle:
            for path in (made.certificate, made.key):
                with open(path) as part:
                    bundle.write(part.read())
        return made


def nginx_settings(certificate):
    return "\n        ".join(
        [
            f"ssl_certificate {certificate.certificate};",
            f"ssl_certificate_key {certificate.key};",
            "ssl_protocols TLSv1.2 TLSv1.3;",
            f"ssl_ciphers {_CIPHERS};",
            f"ssl_conf_command Ciphersuites {_SUITES};",
            "ssl_prefer_server_ciphers off;",
            "ssl_ecdh_curve X25519:prime256v1;",
        ]
    )


def haproxy_bind(certificate):
    return (
        f"ssl crt {certificate.bundle} ssl-min-ver TLSv1.2 ciphers {_CIPHERS} "
        f"ciphersuites {_SUITES} curves X25519:P-256 prefer-client-ciphers"
    )


def weir_transport_socket(certificate):
    """Weir needs to be told no more: the rest is its default."""
    return (
        "transport_socket {\n"
        "      config { [type.googleapis.com/weir.extensions.transport_sockets.tls.v1.Tls] {\n"
        f'        certificates {{ certificate_file: "{certificate.certificate}" private_key_file: "{certificate.key}" }}\n'
        "      } }\n"
        "    }"
    )


def _openssl(*arguments):
    try:
        result = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        raise BenchError(f"openssl: {error} (Debian package openssl)") from None
    if result.returncode != 0:
        raise BenchError(f"openssl {arguments[0]} failed: {result.stderr.strip()}")
