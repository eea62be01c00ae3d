"""What leaves the house is checked by the one file that goes with it, and by nothing of ours."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from geodata.errors import InputError, LedgerDamaged
from pipeline.cases import heads, tables, verifier
from pipeline.cases.check import check
from pipeline.cases.events import row_hash
from pipeline.cases.heads import Head
from pipeline.cases.keys import public_pem
from pipeline.cases.ledger import Ledger
from pipeline.cases.proof import export_case, export_ledger, write_ledger
from tests.pipeline.cases.signed_office import LETTER, PHOTO, append, fill, office, tampered

CASE = "430321-2026-00002"


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """(the folder of both exports and of the workspace, heads kept elsewhere). Read only."""
    folder = tmp_path_factory.mktemp("exports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENGXUN_KEYS", str(folder / "keys"))
        made = office(folder / "office")
        fill(made)
        kept = [made.sign()]
        append(made.ledger, "f", (made.evidence(PHOTO), made.evidence(LETTER)), case=CASE)
        made.clock.forward(days=1)
        done = export_ledger(made.ledger, made.root, folder / "ledger", evidence=True)
        assert (done.events, done.evidence, done.head.seq) == (8, 2, 8)
        done = export_case(made.ledger, made.root, CASE, folder / "case")
        assert (done.events, done.evidence) == (3, 2)
        made.ledger.close()
    return folder, [*kept, done.head]


@pytest.fixture
def folder(exports, tmp_path):
    for name in ("ledger", "case"):
        shutil.copytree(exports[0] / name, tmp_path / name)
    return tmp_path


def alone(export, *options):
    """The verifier as a court would run it: its own copy, another folder, nothing of the project to import."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GENGXUN"))}
    command = [sys.executable, "-I", str(export / "verifier.py"), str(export), *options]
    done = subprocess.run(command, cwd=export.parent, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def bad(export, *kept):
    """What the verifier finds: (first bad event, sentence), or None."""
    said = [json.loads(json.dumps(heads.to_json(one))) for one in kept]
    try:
        verifier.check(str(export), said)
    except verifier.Bad as found:
        return found.seq, found.english
    return None


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path, documents):
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in documents), encoding="utf-8")


# --- whole ones hold ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ledger", "case"])
def test_the_copy_that_goes_with_it_checks_an_export(exports, folder, kind):
    _, (earlier, head) = exports
    code, said = alone(folder / kind)
    assert code == 0, said
    assert f"{8 if kind == 'ledger' else 3} events" in said
    assert "2/2" in said
    assert head.key in said
    options = ["--head", heads.to_text(earlier), "--head", heads.mark(head), "--key", head.key, "--list"]
    code, said = alone(folder / kind, *options)
    assert code == 0, said
    assert said.count("SEEN_AGAIN") == 1
    code, said = alone(folder / kind, "--key", "0" * 20)
    assert (code, "not 00000" in said) == (1, True)


def test_the_verifier_imports_nothing_but_the_standard_library_and_cryptography():
    code = (
        "import sys, runpy; runpy.run_path(sys.argv[1], run_name='x'); "
        "print(*sorted({m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, verifier.__file__], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["__main__"], done


@pytest.mark.parametrize("kind", ["ledger", "case"])
def test_a_zip_file_is_as_good_as_a_folder(exports, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("GENGXUN_KEYS", str(exports[0] / "keys"))
    path = tmp_path / f"{kind}.zip"
    root = tmp_path / "office"
    shutil.copytree(exports[0] / "office", root)
    with Ledger(root / "ledger.db") as ledger:
        if kind == "ledger":
            export_ledger(ledger, root, path)
        else:
            export_case(ledger, root, CASE, path)
    assert bad(path, *exports[1]) is None
    with zipfile.ZipFile(path) as archive:
        assert ("evidence/" in " ".join(archive.namelist())) == (kind == "case")
        data = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("head.json", data["head.json"])
    assert "two files of one name" in bad(path)[1]


def test_a_ledger_goes_without_evidence_if_not_asked_for(exports, tmp_path):
    with Ledger(exports[0] / "office" / "ledger.db") as ledger:
        write_ledger(ledger, exports[0] / "office", tmp_path / "out", exports[1][0])
    code, said = alone(tmp_path / "out")
    assert (code, "7 events" in said, "0/2" in said) == (0, True, True)


def test_what_exists_is_not_overwritten(exports, tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(exports[0] / "keys"))
    root = exports[0] / "office"
    with Ledger(root / "ledger.db") as ledger:
        for call in (
            lambda: export_ledger(ledger, root, tmp_path),
            lambda: export_case(ledger, root, CASE, tmp_path / "no" / "case.zip"),
            lambda: export_case(ledger, root, "430321-2026-00009", tmp_path / "case"),
        ):
            with pytest.raises(InputError):
                call()
    assert list(tmp_path.iterdir()) == []


# --- changed ones do not -----------------------------------------------------------------------

OTHER = {int: 77, str: "2020-01-01T00:00:00+00:00", type(None): "430321-2026-00001"}


@pytest.mark.parametrize("kind", ["ledger", "case"])
@pytest.mark.parametrize("rehashed", [False, True])
def test_every_changed_column_of_every_event_is_found(exports, folder, kind, rehashed):
    path = folder / kind / "events.jsonl"
    whole = lines(path)
    for at, one in enumerate(whole):
        row = one if kind == "ledger" else one["event"]
        for column in row:
            changed = {**row, column: OTHER[type(row[column])]}
            if rehashed and column != "hash":
                changed["hash"] = row_hash(changed)
            documents = list(whole)
            documents[at] = changed if kind == "ledger" else {**one, "event": changed}
            write(path, documents)
            seq, said = bad(folder / kind, *exports[1])
            if kind == "ledger" and not rehashed:
                assert seq == at + 1, (column, said)


@pytest.mark.parametrize("kind", ["ledger", "case"])
def test_events_taken_out_added_doubled_or_exchanged_are_found(exports, folder, kind):
    path = folder / kind / "events.jsonl"
    whole = lines(path)
    n = len(whole)
    for at in range(n):
        if kind == "ledger":  # of a case, inclusion shows that what is there is true, not that nothing is missing
            write(path, whole[:at] + whole[at + 1 :])
            assert bad(folder / kind, *exports[1])[0] == at + 1
        write(path, whole[: at + 1] + whole[at:])
        assert bad(folder / kind, *exports[1])
        if at + 1 < n:
            write(path, [*whole[:at], whole[at + 1], whole[at], *whole[at + 2 :]])
            assert bad(folder / kind, *exports[1])
    last = whole[-1] if kind == "ledger" else whole[-1]["event"]
    more = {**last, "seq": last["seq"] + 1, "previous_hash": last["hash"]}
    more["hash"] = row_hash(more)
    write(path, [*whole, more if kind == "ledger" else {**whole[-1], "event": more}])
    assert bad(folder / kind)[0] == 9


def test_an_event_of_another_case_does_not_pass_as_one_of_this(folder):
    other = lines(folder / "ledger" / "events.jsonl")[1]
    assert other["case"] == "430321-2026-00001"
    path = folder / "case" / "events.jsonl"
    write(path, [{"event": other, "proof": []}, *lines(path)])
    assert "not of case" in bad(folder / "case")[1]


def test_every_changed_hash_of_a_proof_is_found(folder):
    for name, field in (("events.jsonl", "proof"), ("earlier.jsonl", "consistency")):
        path = folder / "case" / name
        whole = lines(path)
        count = 0
        for at, one in enumerate(whole):
            for place in range(len(one[field])):
                proof = [*one[field][:place], "00" * 32, *one[field][place + 1 :]]
                write(path, [*whole[:at], {**one, field: proof}, *whole[at + 1 :]])
                assert bad(folder / "case")
                count += 1
        assert count >= 5
        write(path, whole)
    assert bad(folder / "case") is None


@pytest.mark.parametrize("kind", ["ledger", "case"])
@pytest.mark.parametrize("name", list(Head.__dataclass_fields__))
def test_every_field_of_every_head_is_checked(folder, kind, name):
    def changed(head):
        value = head[name]
        return {**head, name: value + 1 if isinstance(value, int) else OTHER_HEX.get(name, "0" * len(value))}

    OTHER_HEX = {"at": "2025-01-01T00:00:00Z"}
    path = folder / kind / "head.json"
    whole = lines(path)
    write(path, [changed(whole[0])])
    assert bad(folder / kind)
    write(path, whole)
    path = folder / kind / ("heads.jsonl" if kind == "ledger" else "earlier.jsonl")
    for at, one in enumerate(lines(path)):
        whole = lines(path)
        whole[at] = changed(one) if kind == "ledger" else {**one, "head": changed(one["head"])}
        write(folder / kind / path.name, whole)
        assert bad(folder / kind)


@pytest.mark.parametrize("kind", ["ledger", "case"])
def test_evidence_changed_taken_out_or_slipped_in_is_found(folder, kind):
    files = sorted(p for p in (folder / kind / "evidence").rglob("*") if p.is_file())
    assert len(files) == 2
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[:9] + bytes([whole[9] ^ 1]) + whole[10:])
        assert "was changed" in bad(folder / kind)[1]
        path.unlink()
        assert "is missing" in bad(folder / kind)[1]
        path.write_bytes(whole)
    (folder / kind / "evidence" / "00").mkdir()
    (folder / kind / "evidence" / "00" / ("0" * 64)).write_bytes(b"x")
    assert "evidence of no event" in bad(folder / kind)[1]


@pytest.mark.parametrize("kind", ["ledger", "case"])
def test_another_key_under_the_same_name_is_found(folder, kind):
    (path,) = (folder / kind / "keys").glob("*.pub")
    path.write_bytes(public_pem(Ed25519PrivateKey.generate().public_key().public_bytes_raw()))
    assert "is missing" in bad(folder / kind)[1]


def test_a_name_given_twice_in_one_line_is_found(folder):
    path = folder / "ledger" / "events.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"by": ', '"by": "x", "by": ', 1), encoding="utf-8")
    assert bad(folder / "ledger")


def test_a_forged_ledger_with_a_key_of_its_own_needs_the_kept_head_to_be_found(exports, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "forger"))
    made = office(tmp_path / "office")
    made.run("a", 0, 1)
    export_ledger(made.ledger, made.root, tmp_path / "forged")
    made.ledger.close()
    assert alone(tmp_path / "forged")[0] == 0
    code, said = alone(tmp_path / "forged", "--head", heads.mark(exports[1][0]))
    assert (code, "its tail was cut" in said) == (1, True)
    assert alone(tmp_path / "forged", "--key", exports[1][0].key)[0] == 1


def test_what_is_no_export_is_said_in_a_line(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    for path, code in ((tmp_path / "text.zip", 2), (tmp_path / "nowhere", 2), (tmp_path / "empty", 1)):
        assert verifier.main([str(path)]) == code
    assert verifier.main([str(tmp_path / "empty"), "--head", "nonsense"]) == 2


def test_a_lost_photo_stops_the_export(exports, tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(exports[0] / "keys"))
    root = tmp_path / "office"
    shutil.copytree(exports[0] / "office", root)
    next(p for p in (root / "evidence").rglob("*") if p.is_file()).unlink()
    with Ledger(root / "ledger.db") as ledger, pytest.raises(LedgerDamaged, match="missing"):
        export_case(ledger, root, CASE, tmp_path / "case")
    assert not (tmp_path / "case").exists()


# --- it agrees with the program ----------------------------------------------------------------


def test_the_verifier_names_the_same_first_bad_event_as_the_program(exports, tmp_path):
    """Every column of an event changed in the database, then exported as it is."""
    source = exports[0] / "office" / "ledger.db"
    count = 0
    for seq in (1, 5, 8):
        for column in tables.events.columns:
            root = tmp_path / f"{seq}-{column.name}"
            root.mkdir()
            with sqlite3.connect(source) as one, sqlite3.connect(root / "ledger.db") as other:
                one.backup(other)
            shutil.copytree(exports[0] / "office" / "keys", root / "keys")
            shutil.copyfile(exports[0] / "office" / "heads.jsonl", root / "heads.jsonl")
            value = 77 if isinstance(column.type, sa.Integer) else "2020-01-01T00:00:00+00:00"
            tampered(root / "ledger.db", (f'UPDATE events SET "{column.name}" = ? WHERE seq = ?', (value, seq)))
            with Ledger(root / "ledger.db") as ledger:
                found = ledger.verify()
                write_ledger(ledger, root, root / "export", exports[1][-1])
            assert bad(root / "export", *exports[1])[0] == found.first_bad == seq, column.name
            count += 1
    assert count == 3 * len(tables.events.columns)


@pytest.mark.parametrize(
    ("first", "statements"),
    [
        (3, ["DELETE FROM events WHERE seq = 3"]),
        (8, ["DELETE FROM events WHERE seq = 8"]),
        (1, ["DELETE FROM events WHERE seq = 1"]),
        (2, ["UPDATE events SET seq = 99 WHERE seq = 2", "UPDATE events SET seq = 2 WHERE seq = 5",
             "UPDATE events SET seq = 5 WHERE seq = 99"]),
        (4, ["UPDATE events SET seq = seq + 100 WHERE seq >= 4", "UPDATE events SET seq = seq - 99 WHERE seq >= 104",
             "INSERT INTO events SELECT 4, \"case\", kind, at, \"by\", role, payload, evidence, schema_version, "
             "software_version, previous_hash || '-', hash || '-' FROM events WHERE seq = 5"]),
    ],
)  # fmt: skip
def test_the_verifier_and_the_program_agree_on_rows_that_went_came_or_moved(exports, tmp_path, first, statements):
    root = tmp_path / "office"
    shutil.copytree(exports[0] / "office", root)
    tampered(root / "ledger.db", *statements)
    with Ledger(root / "ledger.db") as ledger:
        assert check(ledger, root, [exports[1][-1]]).first_bad == first
        write_ledger(ledger, root, root.parent / "export", exports[1][-1])
    assert bad(root.parent / "export", *exports[1])[0] == first
