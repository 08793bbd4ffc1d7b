# SPDX-License-Identifier: MIT
"""A Kafka of the tests that asks who you are: TLS, SCRAM-SHA-512 and
OAUTHBEARER, and nobody may do anything that was not granted.

    security = Security(users=("admin", "worker"), super_users=("admin",))
    with Cluster(security=security) as kafka:
        kafka.secured("SCRAM"), kafka.secured("OAUTH")
        security.scram_settings("worker")   # of librdkafka

Its keys are made by openssl, below TMPDIR, and are good for a day. Tokens are
JWTs signed with RS256, which the broker checks against a key set. The nodes
have their plain listener for themselves and for the tests' own administration:
there is nobody else on the loopback of a test.
"""

import base64
import json
import os
import secrets
import subprocess
import tempfile
import time
from pathlib import Path

ISSUER = "https://issuer.test"
AUDIENCE = "kafka"
CERTIFICATE_DAYS = "1"
JAAS = "org.apache.kafka.common.security"


def openssl(*words, data=None):
    return subprocess.run(["openssl", *map(str, words)], input=data,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=True).stdout


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Authority:
    """A certificate authority of its own, in a directory."""

    def __init__(self, directory, name):
        self.key = directory / f"{name}.key"
        self.certificate = directory / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                f"/CN={name}", "-days", CERTIFICATE_DAYS,
                "-keyout", self.key, "-out", self.certificate)

    def server(self, directory):
        """Key and certificate for the loopback, in one PEM file."""
        key, request = directory / "server.key", directory / "server.csr"
        both, names = directory / "server.pem", directory / "server.ext"
        names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj",
                "/CN=localhost", "-keyout", key, "-out", request)
        certificate = openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey",
            self.key, "-CAcreateserial", "-days", CERTIFICATE_DAYS,
            "-extfile", names)
        both.write_bytes(key.read_bytes() + certificate)
        return both


class Issuer:
    """Of tokens."""

    def __init__(self, directory):
        self.key = directory / "issuer.key"
        self.key_set = directory / "jwks.json"
        openssl("genrsa", "-out", self.key, "2048")
        words = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode()
        modulus = bytes.fromhex(words.strip().partition("=")[2])
        self.key_set.write_text(json.dumps({"keys": [{
            "kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256",
            "n": url64(modulus), "e": "AQAB"}]}))

    def token(self, user, seconds=3600, audience=AUDIENCE):
        """seconds: until it expires; less than none: it has."""
        now = int(time.time())
        head = {"alg": "RS256", "kid": "1", "typ": "JWT"}
        claims = {"sub": user, "iss": ISSUER, "aud": audience,
                  "iat": min(now, now + seconds) - 1, "exp": now + seconds}
        text = ".".join(url64(json.dumps(part).encode())
                        for part in (head, claims))
        signature = openssl("dgst", "-sha256", "-sign", self.key,
                            data=text.encode())
        return f"{text}.{url64(signature)}"


class Security:
    listeners = ("SCRAM", "OAUTH")

    def __init__(self, users, super_users=()):
        self.directory = Path(tempfile.mkdtemp(
            prefix="security.", dir=os.environ.get("TMPDIR", "/tmp")))
        self.directory.chmod(0o755)  # workers read certificates as nobody
        self.passwords = {user: "pw-" + secrets.token_hex(16)
                          for user in users}
        # The nodes' own listeners ask nobody.
        self.super_users = ("ANONYMOUS", *super_users)
        self.authority = Authority(self.directory, "ca")
        self.stranger = Authority(self.directory, "stranger")
        self.server = self.authority.server(self.directory)
        self.issuer = Issuer(self.directory)

    # ---- for the nodes

    def format_words(self):
        """Of StorageTool: users are there before the first start."""
        words = []
        for user, password in self.passwords.items():
            words += ["--add-scram", f"SCRAM-SHA-512=[name={user},"
                                     f"password={password}]"]
        return words

    def java_words(self):
        return ["-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="
                f"{self.issuer.key_set.as_uri()}"]

    def settings(self):
        oauth = "listener.name.oauth.oauthbearer."
        return {
            "super.users": ";".join(f"User:{u}" for u in self.super_users),
            "ssl.keystore.location": self.server,
            "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config":
                f"{JAAS}.scram.ScramLoginModule required;",
            "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
            oauth + "sasl.jaas.config":
                f"{JAAS}.oauthbearer.OAuthBearerLoginModule required;",
            oauth + "sasl.server.callback.handler.class":
                f"{JAAS}.oauthbearer.OAuthBearerValidatorCallbackHandler",
            oauth + "sasl.oauthbearer.jwks.endpoint.url":
                self.issuer.key_set.as_uri(),
            oauth + "sasl.oauthbearer.expected.audience": AUDIENCE,
            oauth + "sasl.oauthbearer.expected.issuer": ISSUER,
        }

    # ---- for clients: librdkafka's names

    def tls_settings(self):
        return {"security.protocol": "sasl_ssl",
                "ssl.ca.location": str(self.authority.certificate)}

    def scram_settings(self, user):
        return {**self.tls_settings(), "sasl.mechanisms": "SCRAM-SHA-512",
                "sasl.username": user, "sasl.password": self.passwords[user]}

    def oauth_settings(self, token_file):
        """token_file: kept fresh by the test, with issuer.token()."""
        return {**self.tls_settings(), "sasl.mechanisms": "OAUTHBEARER",
                "sasl.oauthbearer.token.file": str(token_file)}
