"""WsgiDAV: files over WebDAV, judged by litmus."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "WsgiDAV"
DISTRIBUTION = "wsgidav"
PROGRAMS = ["litmus"]
SHARED = False
VARIES = [
    rb"opaquelocktoken:[^<>]+",
    rb"(?<=Second-)\d+",
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?",
    rb"\d{5,}-\d+-\d+",
    rb"(?<=quota-used-bytes>)\d+",
    rb"(?<=quota-available-bytes>)\d+",
]

XML = "Content-Type: application/xml"
FIND = b'<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>'
LOCK = b"""<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>
<D:locktype><D:write/></D:locktype><D:owner>Zo&#235;</D:owner></D:lockinfo>"""
PATCH = b"""<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop>
<x:colour>red</x:colour></D:prop></D:set></D:propertyupdate>"""


def make() -> Any:
    from wsgidav.wsgidav_app import WsgiDAVApp

    folder = Path(os.environ["APPLICATION_STATE"]) / "files"
    folder.mkdir(exist_ok=True)
    return WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": {"*": True}},
            "http_authenticator": {"domain_controller": None},
            "lock_storage": True,
            "property_manager": True,
            "verbose": 1,
        }
    )


def visit(visitor: Visitor) -> None:
    visitor.ask("OPTIONS", "/")
    visitor.ask("OPTIONS", "*")
    visitor.ask("MKCOL", "/folder")
    visitor.ask("MKCOL", "/folder")
    content = bytes(range(256)) * 1000
    visitor.ask("PUT", "/folder/file.bin", body=content)
    visitor.ask("PUT", "/folder/file.bin", body=content[:-1])
    visitor.expect("PUT", "/folder/expected.bin", body=content)
    visitor.ask("PUT", "/folder/caf%C3%A9%20.txt", body=b"named")
    visitor.ask("PUT", "/folder/empty")
    visitor.ask("PUT", "/folder/chunked.bin", body=[content] * 3)
    visitor.get("/folder/chunked.bin")
    visitor.ask("PUT", "/nowhere/file", body=b"conflict")
    first = visitor.get("/folder/file.bin")
    visitor.head("/folder/file.bin")
    visitor.get("/folder/file.bin", f"If-None-Match: {first.header('ETag')}")
    visitor.get("/folder/file.bin", f"If-Modified-Since: {first.header('Last-Modified')}")
    for span in ("0-9", "-5", "10-", "99999999-"):
        visitor.get("/folder/file.bin", f"Range: bytes={span}")
    visitor.ask("GET", "/folder/file.bin", version="HTTP/1.0")
    visitor.get("/folder/")
    visitor.get("/folder")
    for depth in ("0", "1", "infinity"):
        visitor.ask("PROPFIND", "/folder/", XML, f"Depth: {depth}", body=FIND)
    visitor.ask("PROPFIND", "/folder/", "Depth: 1")
    visitor.ask("PROPFIND", "/folder/", XML, "Depth: 1", body=[FIND[:50], FIND[50:]])
    visitor.ask("PROPPATCH", "/folder/file.bin", XML, body=PATCH)
    visitor.ask("PROPFIND", "/folder/file.bin", XML, "Depth: 0", body=FIND)
    to = f"Destination: http://{visitor.host}/folder"
    visitor.ask("COPY", "/folder/file.bin", f"{to}/copy.bin")
    visitor.ask("COPY", "/folder/file.bin", f"{to}/copy.bin", "Overwrite: F")
    visitor.ask("MOVE", "/folder/copy.bin", f"{to}/moved%20%C3%A9.bin")
    visitor.ask("MOVE", "/folder/copy.bin", f"{to}/moved.bin")
    locked = visitor.ask("LOCK", "/folder/file.bin", XML, "Timeout: Second-100", body=LOCK)
    token = locked.header("Lock-Token")
    visitor.ask("PUT", "/folder/file.bin", body=b"without the lock")
    visitor.ask("PUT", "/folder/file.bin", f"If: ({token})", body=b"with the lock")
    visitor.ask("LOCK", "/folder/file.bin", f"If: ({token})")
    visitor.ask("UNLOCK", "/folder/file.bin", f"Lock-Token: {token}")
    visitor.ask("DELETE", "/folder/file.bin")
    visitor.ask("DELETE", "/folder/")
    visitor.get("/folder/")
    visitor.ask("PROPFIND", "/", XML, body=b"<no xml")
    visitor.run("litmus", "-k", visitor.relay.url + "/")
