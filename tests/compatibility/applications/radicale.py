"""Radicale: calendars and address books over CalDAV and CardDAV."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "Radicale"
DISTRIBUTION = "radicale"
VARIES = [rb"(?<=ns/sync/)[0-9a-f]+"]

XML = "Content-Type: application/xml; charset=utf-8"
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//tests//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260101T100000Z
DTSTART:20260{month}01T100000Z
DTEND:20260{month}01T110000Z
SUMMARY:Tea with Zoë {uid}
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c\r\nFN:Zoë\r\nN:;Zoë;;;\r\nEND:VCARD\r\n"
MAKE = b"""<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:"
xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:set><D:prop><D:displayname>Work</D:displayname></D:prop></D:set></C:mkcalendar>"""
FIND = b"""<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:displayname/><D:getetag/>
<D:resourcetype/><D:current-user-principal/></D:prop></D:propfind>"""
QUERY = b"""<?xml version="1.0"?><C:calendar-query xmlns:D="DAV:"
xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="20260201T000000Z" end="20260401T000000Z"/></C:comp-filter></C:comp-filter>
</C:filter></C:calendar-query>"""
SYNC = b"""<?xml version="1.0"?><D:sync-collection xmlns:D="DAV:"><D:sync-token/><D:prop>
<D:getetag/></D:prop></D:sync-collection>"""
PATCH = b"""<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>
<D:displayname>Plays</D:displayname></D:prop></D:set></D:propertyupdate>"""


def make() -> Any:
    from radicale.app import Application
    from radicale.config import load

    configuration = load()
    storage = str(Path(os.environ["APPLICATION_STATE"]) / "collections")
    given = {"storage": {"filesystem_folder": storage}, "auth": {"type": "none"}}
    configuration.update(given, "the test")
    return Application(configuration)


def visit(visitor: Visitor) -> None:
    ann = "Authorization: Basic YW5uOng="
    visitor.get("/")
    visitor.get("/.web/")
    visitor.get("/.well-known/caldav")
    visitor.ask("OPTIONS", "/")
    visitor.ask("PROPFIND", "/", ann, XML, "Depth: 0", body=FIND)
    visitor.ask("PROPFIND", "/ann/", ann, XML, "Depth: 1", body=FIND)
    visitor.ask("MKCALENDAR", "/ann/plans/", ann, XML, body=MAKE)
    visitor.ask("MKCALENDAR", "/ann/plans/", ann, XML, body=MAKE)
    for number in range(1, 6):
        event = EVENT.format(uid=f"e{number}", month=number).encode()
        visitor.ask(
            "PUT", f"/ann/plans/e{number}.ics", ann, "Content-Type: text/calendar", body=event
        )
    first = visitor.get("/ann/plans/e1.ics", ann)
    visitor.head("/ann/plans/e1.ics", ann)
    tag = first.header("ETag")
    visitor.get("/ann/plans/e1.ics", ann, f"If-None-Match: {tag}")
    changed = first.body.replace(b"Tea", b"Milk")
    visitor.ask("PUT", "/ann/plans/e1.ics", ann, "If-None-Match: *", body=changed)
    visitor.ask("PUT", "/ann/plans/e1.ics", ann, 'If-Match: "other"', body=changed)
    visitor.ask("PUT", "/ann/plans/e1.ics", ann, f"If-Match: {tag}", body=changed)
    visitor.expect("PUT", "/ann/plans/e1.ics", ann, body=first.body)
    visitor.ask("PUT", "/ann/plans/e6.ics", ann, "Content-Type: text/calendar", body=[changed])
    visitor.ask("PUT", "/ann/plans/bad.ics", ann, body=b"no calendar")
    visitor.ask("REPORT", "/ann/plans/", ann, XML, "Depth: 1", body=QUERY)
    visitor.ask("REPORT", "/ann/plans/", ann, XML, "Depth: 1", body=[QUERY[:99], QUERY[99:]])
    visitor.ask("REPORT", "/ann/plans/", ann, XML, body=SYNC)
    visitor.ask("REPORT", "/ann/plans/", ann, XML, body=b"<no xml")
    visitor.ask("PROPPATCH", "/ann/plans/", ann, XML, body=PATCH)
    visitor.ask("PROPFIND", "/ann/plans/", ann, XML, "Depth: 1", body=FIND)
    visitor.ask("MKCOL", "/ann/cards/", ann)
    visitor.ask("PUT", "/ann/cards/c.vcf", ann, "Content-Type: text/vcard", body=CARD.encode())
    place = f"http://{visitor.host}/ann/plans/moved.ics"
    visitor.ask("MOVE", "/ann/plans/e2.ics", ann, f"Destination: {place}")
    visitor.ask("MOVE", "/ann/plans/e3.ics", ann, f"Destination: {place}", "Overwrite: F")
    visitor.ask("MOVE", "/ann/plans/e3.ics", ann, "Destination: http://other.example.org/x")
    visitor.ask("PROPFIND", "/ann/plans/", ann, XML, "Depth: 1", body=FIND)
    visitor.get("/ann/plans/", ann)
    visitor.get("/ann/plans/", ann, "Accept-Encoding: gzip")
    visitor.ask("DELETE", "/ann/plans/e4.ics", ann)
    visitor.get("/ann/plans/e4.ics", ann)
    visitor.ask("DELETE", "/ann/plans/", ann)
    visitor.get("/bob/", ann)
    visitor.ask("PATCH", "/ann/", ann)
