"""Certificate files: what is wrong with them, which one a client gets, and taking new ones."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

from ashd.htparser._certificates import CertificateFiles, Certificates
from ashd.htparser._client_certificate import distinguished_name
from ashd.htparser._errors import StartError, UsageError
from ashd.htparser._portspec import parse_portspec
from ashdtest.authority import Authority, names_of
from ashdtest.cases import about
from ashdtest.processes import DEADLINE


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def shake_hands(certificates: Certificates, name: str | None, client: ssl.SSLContext) -> list[str]:
    """Return the names in the certificate that a client gets which asks for `name`."""
    client.check_hostname = False
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up, server_hostname=name)
    theirs = certificates.context.wrap_bio(up, down, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return names_of(ours)


def chosen(authority: Authority, certificates: Certificates, name: str | None) -> str:
    return shake_hands(certificates, name, authority.client_context())[0]


def self_signed(
    path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, names: bytes = b""
) -> None:
    """Write a certificate that has nothing but a common name, and `names` as its others."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "only.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
    if names:
        extension = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, names)
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )


def test_which_certificate_a_client_gets(authority: Authority, tmp_path: Path) -> None:
    self_signed(tmp_path / "only.pem", ec.generate_private_key(ec.SECP256R1()))
    certificates = Certificates(
        CertificateFiles(
            str(authority.certificate("main.example", "www.main.example")),
            named=(
                str(authority.certificate("*.main.example")),
                str(authority.certificate("other.example", "*.other.example")),
                str(authority.certificate("exact.other.example")),
                str(tmp_path / "only.pem"),
            ),
        )
    )
    expected = {
        "main.example": "main.example",
        "www.main.example": "main.example",
        "ftp.main.example": "*.main.example",
        "FTP.MAIN.EXAMPLE": "*.main.example",
        "a.ftp.main.example": "main.example",
        "other.example": "other.example",
        "x.other.example": "other.example",
        "exact.other.example": "exact.other.example",
        "unknown.example": "main.example",
        "example": "main.example",
        None: "main.example",
    }
    for name, first in expected.items():
        with about(str(name)):
            assert chosen(authority, certificates, name) == first
    trusting_it = ssl.create_default_context(cafile=str(tmp_path / "only.pem"))
    trusting_it.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with pytest.raises(KeyError, match="subjectAltName"):  # the one without has been chosen
        shake_hands(certificates, "only.example", trusting_it)


def test_certificates_of_folders(authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue("beside.example")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "beside.crt"))
    issued.private_key_pem.write_to_path(str(tmp_path / "beside.key"))
    authority.certificate("within.example").rename(tmp_path / "within.pem")
    (tmp_path / "README").write_text("certificates\n", encoding="ascii")
    (tmp_path / ".hidden.pem").write_text("no certificate\n", encoding="ascii")
    live = tmp_path / "live"
    live.mkdir()
    issued = authority.issue("live.example")
    issued.private_key_pem.write_to_path(str(live / "privkey.pem"))
    issued.cert_chain_pems[0].write_to_path(str(live / "fullchain.pem"))
    issued.cert_chain_pems[0].write_to_path(str(live / "cert.pem"))
    main = str(authority.certificate("main.example"))
    for folder, names in {
        tmp_path: ("beside.example", "within.example", "live.example"),
        live: ("live.example",),
    }.items():
        certificates = Certificates(CertificateFiles(main, folders=(str(folder),)))
        for name in names:
            assert chosen(authority, certificates, name) == name


def test_the_certificate_for_a_name_asks_for_the_client_s_as_well(authority: Authority) -> None:
    main, named = authority.certificate("main.example"), authority.certificate("named.example")
    certificates = Certificates(
        CertificateFiles(str(main), named=(str(named),), trusted=(str(authority.file),))
    )
    mine = authority.client_context(authority.certificate("me.example"))
    for name in ("main.example", "named.example"):
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            chosen(authority, certificates, name)
        assert shake_hands(certificates, name, mine) == [name]


def write_encrypted_key(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = serialization.BestAvailableEncryption(b"secret")
    pkcs8 = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, encryption))


def test_what_is_wrong_with_a_certificate_is_one_line(authority: Authority, tmp_path: Path) -> None:
    good = authority.certificate("good.example", "127.0.0.1")
    issued = authority.issue("alone.example")
    alone, other_key = tmp_path / "alone.pem", tmp_path / "other_key.pem"
    issued.cert_chain_pems[0].write_to_path(str(alone))
    authority.issue("other.example").private_key_pem.write_to_path(str(other_key))
    write_encrypted_key(tmp_path / "encrypted.pem")
    self_signed(tmp_path / "short.pem", rsa.generate_private_key(65537, 1024))
    self_signed(tmp_path / "curve.pem", ec.generate_private_key(ec.SECP256K1()))
    latin_1 = b"\x30\x08\x82\x06caf\xe9.x"
    self_signed(tmp_path / "latin-1.pem", ec.generate_private_key(ec.SECP256R1()), latin_1)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(300 * "x")  # as one that nobody may follow
    (tmp_path / "text.pem").write_text("hello\n", encoding="ascii")
    broken = good.read_text(encoding="ascii").replace("CERTIFICATE-----\nM", "CERTIFICATE-----\nx")
    (tmp_path / "broken.pem").write_text(broken, encoding="ascii")
    faults = {
        "cert=missing.pem": "missing.pem: can't be read: No such file or directory",
        "cert=.": "/.*: can't be read: Is a directory",
        "cert=text.pem": "text.pem: there is no certificate in PEM form in it",
        "cert=broken.pem": "broken.pem with the key in .*broken.pem: OpenSSL can't use it",
        "cert=alone.pem": "alone.pem: there is no private key .* put it into alone.key",
        "cert=alone.pem,key=text.pem": "text.pem: there is no private key in PEM form in it$",
        "cert=alone.pem,key=missing.pem": "missing.pem: can't be read: No such file",
        "cert=alone.pem,key=other_key.pem": "the key belongs to another certificate",
        "cert=alone.pem,key=encrypted.pem": "encrypted.pem: the key is encrypted",
        "cert=short.pem": "the key is too short",
        "cert=curve.pem": "curve.pem: clients don't take a key of this kind",
        "cert=latin-1.pem": "latin-1.pem: its names can't be read",
        f"cert={good},ncert=alone.pem": "alone.pem: there is no private key",
        f"cert={good},ncertdir=missing": "missing: can't be read",
        f"cert={good},ncertdir=folder": "folder/link: can't be read: File name too long",
        f"cert={good},trust=text.pem": "text.pem: there is no certificate in PEM form in it",
        f"cert={good},trust=missing.pem": "missing.pem: can't be read",
    }
    for parameters, complaint in faults.items():
        with about(parameters), pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            with pytest.raises(StartError, match=complaint) as caught:
                parse_portspec(f"ssl:{parameters}")
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", ["MaxProtocol=TLSv1.2", "MinProtocol=TLSv1.3"])
def test_the_versions_that_a_system_allows(
    authority: Authority, tmp_path: Path, setting: str
) -> None:
    sections = "openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n[c]\n"
    (tmp_path / "openssl.cnf").write_text(f"{sections}{setting}\n", encoding="ascii")
    spec = f"ssl:cert={authority.certificate('main.example')},trust={authority.file}"
    read = f"from ashd.htparser._portspec import parse_portspec; parse_portspec({spec!r})"
    env = os.environ | {"OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
    subprocess.run([sys.executable, "-c", read], env=env, check=True, timeout=DEADLINE)


def test_wrong_parameters() -> None:
    for spec, complaint in {
        "ssl": "needs a certificate: ssl:cert=FILE",
        "ssl:cert=": "cert needs a name",
        "ssl:cert=a,trust=": "trust needs a name",
        "ssl:cert=a,cert=b": "given twice",
    }.items():
        with about(spec), pytest.raises(UsageError, match=complaint):
            parse_portspec(spec)


def test_a_certificate_out_of_its_time_is_a_warning(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "old.pem"
    issued = authority.issue("old.example", expires=datetime.now(UTC) - timedelta(days=1))
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    certificates = Certificates(CertificateFiles(str(path)))
    (warning,) = certificates.warnings
    assert warning.startswith(f"{path}: the certificate has expired on ")
    assert not Certificates(CertificateFiles(str(authority.certificate("a.example")))).warnings


def test_a_folder_without_certificates_is_a_warning(authority: Authority, tmp_path: Path) -> None:
    main = str(authority.certificate("main.example"))
    (tmp_path / "README").write_text("certificates\n", encoding="ascii")
    warnings = Certificates(CertificateFiles(main, folders=(str(tmp_path),))).warnings
    assert warnings == [f"{tmp_path}: there are no certificates in this folder"]


def test_new_certificates_are_all_good_or_not_taken(authority: Authority, tmp_path: Path) -> None:
    main, named = tmp_path / "main.pem", tmp_path / "named.pem"
    authority.certificate("main.example").rename(main)
    authority.certificate("named.example").rename(named)
    certificates = Certificates(CertificateFiles(str(main), named=(str(named),)))
    authority.certificate("new.example").rename(main)
    text = named.read_text(encoding="ascii")
    named.write_text("", encoding="ascii")
    with pytest.raises(StartError, match=r"named\.pem: there is no certificate"):
        certificates.renew()
    assert chosen(authority, certificates, "main.example") == "main.example"
    assert chosen(authority, certificates, "named.example") == "named.example"
    named.write_text(text, encoding="ascii")
    certificates.renew()
    assert chosen(authority, certificates, "main.example") == "new.example"
    assert chosen(authority, certificates, "named.example") == "named.example"


def test_names_of_clients_are_written_so_that_no_part_can_be_forged() -> None:
    def name(*pairs: tuple[str, str]) -> str:
        return distinguished_name([(pair,) for pair in pairs])

    assert name(("countryName", "DE"), ("commonName", "Bob")) == "CN=Bob,C=DE"
    assert distinguished_name([(("commonName", "a"), ("userId", "b"))]) == "CN=a+UID=b"
    assert name(("commonName", 'a,O="b"+c;d<e>\\')) == r"CN=a\,O=\"b\"\+c\;d\<e\>\\"
    assert name(("commonName", " #a ")) == r"CN=\ #a\ "
    assert name(("commonName", "#a")) == r"CN=\#a"
    assert name(("commonName", "a\0b\r\nX: y")) == r"CN=a\00b\0D\0AX: y"
    assert name(("jurisdictionCountryName", "é")) == "jurisdictionCountryName=é"


@pytest.mark.parametrize("trusts", [False, True])
def test_help_and_defaults(authority: Authority, trusts: bool) -> None:
    cert = authority.certificate("main.example")
    port = parse_portspec(f"ssl:cert={cert}" + (f",trust={authority.file}" if trusts else ""))
    assert (port.number, port.protocol) == (443, b"https")
    assert port.tls is not None
    assert (port.tls.context.verify_mode is ssl.CERT_REQUIRED) is trusts
