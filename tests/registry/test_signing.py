"""Signed statements can be checked without shipworthy, and only keys that somebody chose to trust are believed."""

import base64
import os
import threading

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from shipworthy.errors import Refused, Tampered, WrongUse
from shipworthy.lineage.statement import PROVENANCE, Resource, Statement, read_statement
from shipworthy.registry.signing import signing_key
from shipworthy.registry.trust import open_envelope, read_trusted, trusted_folder

STATEMENT = Statement(
    subject=(Resource(name="m", digest={"sha256": "0" * 64}),), predicate_type=PROVENANCE, predicate={}
)


def write_public(folder, public, name="other.pem"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def test_the_key_is_made_once_and_only_its_owner_may_read_it(configuration):
    first, again = signing_key(configuration), signing_key(configuration)
    assert first.id == again.id
    assert (configuration / "key.pem").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in configuration.iterdir()) == ["key.pem", "trusted"]


def test_a_key_that_others_may_read_is_refused(configuration):
    signing_key(configuration)
    (configuration / "key.pem").chmod(0o640)
    with pytest.raises(Refused, match=r"mode 640.*chmod 600"):
        signing_key(configuration)


def test_a_key_file_that_holds_no_key_is_named(configuration):
    signing_key(configuration)
    (configuration / "key.pem").write_text("nonsense")
    with pytest.raises(WrongUse, match=r"key\.pem is no private key"):
        signing_key(configuration)


def test_many_that_start_at_once_agree_on_one_key(configuration):
    ids = []
    threads = [threading.Thread(target=lambda: ids.append(signing_key(configuration).id)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1
    assert [key.keyid for key in read_trusted(trusted_folder(configuration)).keys] == [ids[0]]


def test_what_was_signed_comes_out_again(key, trusted):
    opened = open_envelope(key.sign(STATEMENT), trusted, "it")
    assert opened.key == key.id
    assert read_statement(opened.payload, PROVENANCE) == STATEMENT


def test_an_envelope_can_be_checked_by_hand(key, configuration):
    """Pre-authentication encoding of the DSSE specification, with nothing but an Ed25519 library."""
    envelope = msgspec.json.decode(key.sign(STATEMENT))
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    assert kind == "application/vnd.in-toto+json"
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    public = load_pem_public_key(next(trusted_folder(configuration).glob("*.pem")).read_bytes())
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)


def test_a_changed_payload_is_told(key, trusted):
    envelope = msgspec.json.decode(key.sign(STATEMENT))
    other = Statement(subject=(), predicate_type=PROVENANCE, predicate={})
    envelope["payload"] = base64.b64encode(other.encode()).decode()
    with pytest.raises(Tampered, match=r"signature .* does not fit"):
        open_envelope(msgspec.json.encode(envelope), trusted, "it")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"payload": 1, "payloadType": "x", "signatures": []}', b"\xff"]
)
def test_what_is_no_envelope_is_told(trusted, content):
    with pytest.raises(Tampered, match="it is not a DSSE envelope"):
        open_envelope(content, trusted, "it")


def test_a_key_that_nobody_trusts_is_refused_saying_what_to_do(key, tmp_path):
    nobody = read_trusted(tmp_path / "nowhere")
    with pytest.raises(Refused, match=rf"signed by {key.id[:16]}.*copy their public key .* into .*nowhere"):
        open_envelope(key.sign(STATEMENT), nobody, "it")


def test_another_key_does_not_pass_under_a_trusted_id(key, configuration, tmp_path):
    """Somebody's own signature with the id of a trusted key is no signature by that key."""
    stranger = signing_key(tmp_path / "stranger")
    envelope = msgspec.json.decode(stranger.sign(STATEMENT))
    envelope["signatures"][0]["keyid"] = key.id
    with pytest.raises(Tampered):
        open_envelope(msgspec.json.encode(envelope), read_trusted(trusted_folder(configuration)), "it")


def test_a_second_trusted_key_is_believed_too(key, trusted, configuration, tmp_path):
    colleague = signing_key(tmp_path / "colleague")
    (public,) = trusted_folder(tmp_path / "colleague").iterdir()
    os.link(public, trusted_folder(configuration) / "colleague.pem")
    both = read_trusted(trusted_folder(configuration))
    assert open_envelope(colleague.sign(STATEMENT), both, "it").key == colleague.id
    assert open_envelope(key.sign(STATEMENT), both, "it").key == key.id


def test_a_trusted_file_that_is_no_ed25519_key_is_named(tmp_path):
    write_public(tmp_path, ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(WrongUse, match=r"other\.pem holds a .*expected an Ed25519"):
        read_trusted(tmp_path)
    (tmp_path / "other.pem").write_text("nonsense")
    with pytest.raises(WrongUse, match=r"other\.pem is no public key"):
        read_trusted(tmp_path)


def test_a_statement_of_another_kind_is_told(key, trusted):
    payload = open_envelope(key.sign(STATEMENT), trusted, "it").payload
    with pytest.raises(Tampered, match="expected a 'something else'"):
        read_statement(payload, "something else")
    with pytest.raises(Tampered, match="not an in-toto statement"):
        read_statement(b"{}", PROVENANCE)


def test_other_files_beside_the_trusted_keys_do_not_matter(tmp_path):
    write_public(tmp_path, ed25519.Ed25519PrivateKey.generate().public_key())
    (tmp_path / "README").write_text("keys of our team")
    assert len(read_trusted(tmp_path).keys) == 1
