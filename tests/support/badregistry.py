"""A registry of our own on loopback that misbehaves as it is told, and keeps all that it was asked.

Without faults it is a plain registry in memory: manifests, blobs with ranges, uploads in pieces, mounts, referrers,
Basic and token authentication. A `Fault` stands before that for requests of a method whose path has a text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

Action = Callable[["Handler"], bool | None]
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Asked:
    """A request that came."""

    def __init__(self, method: str, path: str, headers: dict[str, str]) -> None:
        self.method, self.path, self.headers = method, path, headers

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"


class Fault:
    """What is done to the next `times` requests of a method whose path has `text`."""

    def __init__(self, method: str, text: str, action: Action, times: int) -> None:
        self.method, self.text, self.action, self.times = method, text, action, times


class BadRegistry(ThreadingHTTPServer):
    """The server; `with BadRegistry() as registry`.

    Attributes:
        blobs: by digest.
        manifests: media type and bytes by `REPOSITORY REFERENCE`.
        asked: the requests that came.
        users: names and passwords; empty lets anybody in.
        tokens: give tokens to users (a challenge of Bearer) instead of Basic.
        realm: URL of the token server; by default our own.
        refresh: an identity token that is as good as a user.
        life: seconds that a token is good for.
        referrers: whether the API for them is there.
    """

    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme = "https"
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"{self.scheme}://{self.host}"
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.users: dict[str, str] = {}
        self.tokens = False
        self.realm = f"{self.url}/token"
        self.refresh = ""
        self.life = 300.0
        self.issued: dict[str, tuple[float, str]] = {}
        self.referrers = True
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""

    def fault(self, method: str, text: str, action: Action, times: int = 1) -> None:
        self.faults.append(Fault(method, text, action, times))

    def add_blob(self, data: bytes) -> str:
        self.blobs[digest_of(data)] = data
        return digest_of(data)

    def add_manifest(
        self, repository: str, tag: str, document: dict[str, Any] | bytes, media_type: str = MANIFEST
    ) -> str:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.manifests[f"{repository} {tag}"] = self.manifests[f"{repository} {digest_of(data)}"] = (media_type, data)
        return digest_of(data)

    def requests(self, method: str, text: str = "") -> list[Asked]:
        return [each for each in self.asked if each.method == method and text in each.path]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: BadRegistry

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        for fault in server.faults:
            if fault.times and fault.method == self.command and fault.text in self.path:
                fault.times -= 1
                if fault.action(self) is not False:
                    return
        self.answer()

    do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

    def answer(self) -> None:
        """Answer as a registry should."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.path == "/token":
            return self.token(query, body)
        if not self.may(parts.path):
            return self.refuse()
        words = unquote(parts.path).removeprefix("/v2/").split("/")
        if words == [""]:
            return self.reply(200, b"{}")
        for kind in ("manifests", "blobs", "tags", "referrers"):
            if kind in words:
                place = words.index(kind)
                handler = getattr(self, kind)
                handler("/".join(words[:place]), "/".join(words[place + 1 :]), query, body)
                return None
        return self.error(404, "NAME_UNKNOWN", "no such repository")

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status: int, code: str, message: str, **headers: str) -> None:
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.reply(status, body, Content_Type="application/json", **headers)

    def manifests(self, repository: str, reference: str, query: dict[str, str], body: bytes) -> None:
        server = self.server
        if self.command == "PUT":
            digest = server.add_manifest(repository, reference, body, self.headers["Content-Type"])
            subject = json.loads(body).get("subject")
            said = {"OCI_Subject": subject["digest"]} if subject and server.referrers else {}
            return self.reply(201, Docker_Content_Digest=digest, Location=self.path, **said)
        found = server.manifests.get(f"{repository} {reference}")
        if not found:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if self.command == "DELETE":
            del server.manifests[f"{repository} {reference}"]
            return self.reply(202)
        return self.reply(200, found[1], Content_Type=found[0], Docker_Content_Digest=digest_of(found[1]))

    def blobs(self, repository: str, name: str, query: dict[str, str], body: bytes) -> None:
        server = self.server
        if name.startswith("uploads"):
            return self.upload(repository, name.removeprefix("uploads").strip("/"), query, body)
        data = server.blobs.get(name)
        if data is None:
            return self.error(404, "BLOB_UNKNOWN", "blob unknown")
        asked = self.headers.get("Range", "")
        if asked:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            return self.reply(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        return self.reply(200, data, Content_Type="application/octet-stream")

    def upload(self, repository: str, name: str, query: dict[str, str], body: bytes) -> None:
        server = self.server
        if self.command == "POST":
            if query.get("mount") in server.blobs and "from" in query:
                return self.reply(201, Location=f"/v2/{repository}/blobs/{query['mount']}")
            name = f"u{len(server.uploads)}"
            server.uploads[name] = bytearray()
            return self.reply(202, Location=f"/v2/{repository}/blobs/uploads/{name}?state=0", Range="0-0")
        have = server.uploads.get(name)
        if have is None:
            return self.error(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown")
        where = f"/v2/{repository}/blobs/uploads/{name}?state={len(have)}"
        if self.command == "GET":
            return self.reply(204, Location=where, Range=f"0-{max(0, len(have) - 1)}")
        stated = self.headers.get("Content-Range", f"{len(have)}-").partition("-")[0]
        if int(stated) != len(have):
            return self.error(416, "BLOB_UPLOAD_INVALID", "not where it ended", Location=where)
        have += body
        if self.command == "PATCH":
            where = f"/v2/{repository}/blobs/uploads/{name}?state={len(have)}"
            return self.reply(202, Location=where, Range=f"0-{len(have) - 1}")
        if digest_of(bytes(have)) != query["digest"]:
            return self.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        del server.uploads[name]
        return self.reply(201, Docker_Content_Digest=server.add_blob(bytes(have)))

    def tags(self, repository: str, name: str, query: dict[str, str], body: bytes) -> None:
        known = [key.split()[1] for key in self.server.manifests if key.startswith(f"{repository} ") and ":" not in key]
        self.reply(200, json.dumps({"name": repository, "tags": known}).encode(), Content_Type="application/json")

    def referrers(self, repository: str, digest: str, query: dict[str, str], body: bytes) -> None:
        if not self.server.referrers:
            return self.error(404, "UNSUPPORTED", "no such page")
        listed = []
        for key, (media_type, data) in self.server.manifests.items():
            document = json.loads(data) if key.startswith(f"{repository} sha256:") else {}
            if (document.get("subject") or {}).get("digest") == digest:
                kind = document.get("artifactType") or document["config"]["mediaType"]
                listed.append(
                    {"mediaType": media_type, "digest": digest_of(data), "size": len(data), "artifactType": kind}
                )
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
        return self.reply(200, json.dumps(index).encode(), Content_Type=INDEX)

    def may(self, path: str) -> bool:
        """Tell whether the request is authorized."""
        server = self.server
        if not server.users:
            return True
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if not server.tokens:
            return kind == "Basic" and self.is_user(value)
        until, scopes = server.issued.get(value, (0.0, ""))
        if kind != "Bearer" or time.monotonic() > until:
            return False
        return path == "/v2/" or self.scope(path) in scopes

    def scope(self, path: str) -> str:
        words = path.removeprefix("/v2/").split("/")
        place = next((i for i, word in enumerate(words) if word in ("manifests", "blobs", "tags", "referrers")), 0)
        actions = "pull" if self.command in ("GET", "HEAD") else "pull,push"
        return f"repository:{'/'.join(words[:place])}:{actions}"

    def refuse(self) -> None:
        challenge = 'Basic realm="bad"'
        if self.server.tokens:
            challenge = f'Bearer realm="{self.server.realm}",service="bad",scope="{self.scope(self.path)}"'
        self.error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)

    def is_user(self, packed: str) -> bool:
        name, _, password = base64.b64decode(packed).decode().partition(":")
        return self.server.users.get(name) == password

    def token(self, query: dict[str, str], body: bytes) -> None:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        server = self.server
        good = self.is_user(self.headers.get("Authorization", "Basic ").partition(" ")[2])
        if self.command == "POST":
            good = bool(server.refresh) and form.get("refresh_token") == server.refresh
            good = good or ("password" in form and server.users.get(form.get("username", "")) == form["password"])
        if not good:
            return self.error(401, "UNAUTHORIZED", "incorrect username or password")
        value = f"token-{len(server.issued)}"
        scopes = form.get("scope", "") + " ".join(parse_qs(urlsplit(self.path).query).get("scope", []))
        server.issued[value] = (time.monotonic() + server.life, scopes)
        answer = {"token": value, "expires_in": server.life}
        return self.reply(200, json.dumps(answer).encode(), Content_Type="application/json")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def status(code: int, body: bytes = b"", **headers: str) -> Action:
    """Answer with a status."""

    def action(handler: Handler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        handler.reply(code, body, **headers)

    return action


def redirect(url: str, code: int = 307) -> Action:
    return status(code, Location=url)


def cut(after: int) -> Action:
    """Answer a GET of a blob as one should, but hang up after some bytes of it."""

    def action(handler: Handler) -> None:
        data = handler.server.blobs[unquote(handler.path).rpartition("/")[2]]
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start : start + after])
        handler.close_connection = True

    return action


def cut_upload(keep: int) -> Action:
    """Take some bytes of what is sent in a PATCH, keep them, and hang up."""

    def action(handler: Handler) -> None:
        name = urlsplit(handler.path).path.rpartition("/")[2]
        handler.server.uploads[name] += handler.rfile.read(keep)
        hang_up(handler)

    return action


def hang_up(handler: Handler) -> None:
    """End the connection without an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def raw(data: bytes, pause: float = 0.0, times: int = 1) -> Action:
    """Send bytes as they are, again and again with pauses, and hang up."""

    def action(handler: Handler) -> None:
        for _ in range(times):
            handler.wfile.write(data)
            handler.wfile.flush()
            time.sleep(pause)
        handler.close_connection = True

    return action


def dripping(head: bytes, drop: bytes, pause: float, times: int) -> Action:
    """Send a head at once, and what follows in drops."""

    def action(handler: Handler) -> None:
        handler.wfile.write(head)
        raw(drop, pause, times)(handler)

    return action


def silent(seconds: float) -> Action:
    def action(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return action
