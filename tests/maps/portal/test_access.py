"""Signing in, staying in, being kept out; what the door's answers and logs give away."""

from __future__ import annotations

import json
import logging
import re
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from geodata.errors import InputError
from maps.portal import people
from maps.portal.access import PAGES, Person, areas_of
from maps.portal.routes.login import inside
from maps.portal.store import journal
from pipeline.cases.events import Role
from tests.maps.portal.conftest import WORD, add_person, csrf, served

STRONG = "another long enough word"


def kinds(office) -> list[str]:
    with office.store.reading() as connection:
        return list(connection.execute(sa.select(journal.c.kind).order_by(journal.c.id)).scalars())


def attempt(client, name: str, word: str):
    form = {"csrf": csrf(client.get("/login").text), "name": name, "password": word}
    return client.post("/login", data=form)


def attempt_behind_https(client, name: str, **headers: str):
    """As a proxy hands it on: plain http here, https at the browser, which keeps and sends secure cookies."""
    page = client.get("/login", headers=headers)
    assert "secure" in page.headers["set-cookie"].lower()
    cookie = page.headers["set-cookie"].split(";")[0]
    form = {"csrf": csrf(page.text), "name": name, "password": WORD}
    return client.post("/login", data=form, headers={**headers, "cookie": cookie})


def test_whoever_has_not_signed_in_is_led_to_the_door(client) -> None:
    answer = client.get("/account?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Faccount%3Fx%3D1"
    assert client.get("/").headers["location"] == "/login"
    assert client.get("/account", headers={"accept": "application/json"}).status_code == 401


@pytest.mark.parametrize(
    "next_", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", "/a\nb"]
)
def test_signing_in_leads_nowhere_else(next_: str) -> None:
    assert inside(next_) == "/"
    assert inside("/overview?s=CLOSED") == "/overview?s=CLOSED"


def test_a_person_signs_in_and_out(client, sign_in, office) -> None:
    sign_in(client, "reviewer", ("430321",))
    page = client.get("/account")
    assert "reviewer430321" in page.text
    assert client.post("/logout", data={"csrf": client.csrf}).status_code == 303
    assert client.get("/account").status_code == 303
    assert kinds(office) == ["user_added", "signed_in", "signed_out"]


def test_the_cookie_is_kept_from_scripts_and_other_sites(client, office) -> None:
    name = add_person(office, "leader")
    said = attempt(client, name, WORD).headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=lax" in said
    assert "secure" not in said, "plain http on the intranet still works"


def test_behind_https_the_cookie_is_secure(office, app, client) -> None:
    from dataclasses import replace

    app.state.office = replace(office, portal=replace(office.portal, public_url="https://gengxun.example"))
    answer = attempt_behind_https(client, add_person(office, "leader"))
    assert answer.status_code == 303
    assert re.search(r"gx_session=[\w-]{43};.* Secure", answer.headers["set-cookie"])


def test_an_address_is_believed_only_of_a_proxy_of_ours(office, app, new_client) -> None:
    from dataclasses import replace

    name = add_person(office, "leader")
    told = {"x-forwarded-for": "9.9.9.9, 10.1.1.1", "x-forwarded-proto": "https"}
    client = new_client("10.0.0.9")
    client.headers.update(told)
    assert "secure" not in attempt(client, name, WORD).headers["set-cookie"].lower()
    app.state.office = replace(office, portal=replace(office.portal, proxy=True))
    assert attempt_behind_https(new_client("10.0.0.9"), name, **told).status_code == 303
    with office.store.reading() as connection:
        line = sa.select(journal.c.address).where(journal.c.kind == "signed_in").order_by(journal.c.id)
        assert list(connection.execute(line).scalars()) == ["10.0.0.9", "10.1.1.1"]


def test_leaders_land_on_the_figures_others_on_the_overview(new_client, sign_in) -> None:
    assert sign_in(new_client(), "leader").get("/").headers["location"] == "/stats"
    assert sign_in(new_client(), "reviewer").get("/").headers["location"] == "/overview"


def test_unknown_name_and_wrong_word_have_one_answer(new_client, office) -> None:
    name = add_person(office, "leader")
    people.disable(office.store, add_person(office, "reviewer"), at=office.clock())
    answers = [attempt(new_client(), one, "nonsense words") for one in (name, "nobody", "reviewer")]
    assert {one.status_code for one in answers} == {403}
    bodies = {re.sub(r'value="[^"]*"', "", one.text) for one in answers}
    assert len(bodies) == 1
    assert kinds(office).count("refused") == 3


def test_idle_and_long_sessions_end(client, sign_in, clock, office) -> None:
    sign_in(client, "leader")
    for _ in range(20):
        clock.later(minutes=29)
        assert client.get("/account").status_code == 200
    clock.later(minutes=31)
    assert client.get("/account").status_code == 303
    sign_in(client, "leader")
    for _ in range(30):
        clock.later(minutes=25)
        last = client.get("/account").status_code
    assert last == 303, "12 hours are over"
    assert kinds(office).count("timed_out") == 2


def test_a_disabled_account_and_another_role_count_at_once(client, sign_in, office) -> None:
    sign_in(client, "administrator", name="管理员甲")
    assert client.get("/api/users").status_code == 200
    people.change(office.store, "管理员甲", at=office.clock(), role="leader")
    assert client.get("/api/users").status_code == 404
    people.disable(office.store, "管理员甲", at=office.clock())
    assert client.get("/account").status_code == 303


def test_a_form_of_another_site_is_refused(client, sign_in) -> None:
    sign_in(client, "leader")
    form = {"csrf": client.csrf, "label": "x"}
    assert client.post("/account/tokens", data={"label": "x"}).status_code == 403
    assert client.post("/account/tokens", data={**form, "csrf": "00" * 64}).status_code == 403
    for head in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert client.post("/account/tokens", data=form, headers=head).status_code == 403
    assert client.post("/account/tokens", data=form, headers={"origin": "null"}).status_code == 200


def test_strangers_cannot_fill_memory_or_disk(client) -> None:
    token = csrf(client.get("/login").text)
    large = client.post("/login", data={"csrf": token, "name": "x" * 2_000_000, "password": "y"})
    assert large.status_code == 413
    files = client.post("/login", data={"csrf": token, "name": "x", "password": "y"}, files={"f": b"0" * 1000})
    assert files.status_code == 401


def test_the_token_of_one_session_opens_no_other(new_client, sign_in) -> None:
    one, other = sign_in(new_client(), "leader"), sign_in(new_client(), "reviewer")
    assert one.post("/account/tokens", data={"csrf": other.csrf, "label": "x"}).status_code == 403


def test_the_first_word_has_to_be_changed(client, office) -> None:
    first = people.add(office.store, "新人", "reviewer", at=office.clock())
    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", first)
    attempt(client, "新人", first)
    assert client.get("/").headers["location"] == "/account"
    assert client.get("/api/cases").status_code == 403
    page = client.get("/account")
    assert "Choose a pass phrase of your own first" in page.text

    def change(new: str, again: str = "", old: str = first) -> int:
        form = {"csrf": csrf(client.get("/account").text), "old": old, "new": new, "again": again or new}
        return client.post("/account/password", data=form).status_code

    assert change("short") == change("aaaaaaaaaaaaaa") == change(STRONG, "other") == change(STRONG, old="no") == 422
    assert change(STRONG) == 303
    assert client.get("/").headers["location"] == "/overview"
    client.post("/logout", data={"csrf": csrf(client.get("/account").text)})
    assert attempt(client, "新人", first).status_code == 403


def test_what_is_no_account_is_said_in_a_sentence(office) -> None:
    for name, role, areas in (("", "leader", ()), ("a:b", "leader", ()), ("甲", "king", ()), ("甲", "leader", ("x",)),
                              ("甲", "system", ())):  # fmt: skip
        with pytest.raises(InputError):
            people.add(office.store, name, role, areas, at=office.clock())


def test_unknown_and_forbidden_pages_are_the_same(client, sign_in) -> None:
    sign_in(client, "leader")
    pages = [client.get(path) for path in ("/nothing", "/users", "/scripts/none.js", "/account/none")]
    assert {one.status_code for one in pages} == {404}
    assert len({re.sub(r'value="[0-9a-f]{128}"', "", one.text) for one in pages}) == 1
    assert "leader" in pages[0].text


@pytest.mark.parametrize("path", ["/nothing", "/case/x/y/z", "/api/nothing", "/static/none.css", "/scripts/none.js"])
def test_unknown_addresses_have_one_body(client, sign_in, path: str) -> None:
    sign_in(client, "leader")

    def body(where: str) -> str:
        answer = client.get(where)
        assert answer.status_code == 404
        return re.sub(r'value="[0-9a-f]{128}"', "", answer.text)

    assert body(path) == body(path.rsplit("/", 1)[0] + "/another") or path.startswith("/case")
    if not path.startswith("/api"):
        assert "No such case, or not in your area." in body(path)


def test_every_answer_carries_the_policy(client, sign_in) -> None:
    for answer in (client.get("/login"), sign_in(client, "leader").get("/account"), client.get("/no")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|javascript:", answer.text)


def test_static_files_are_kept_for_ever_and_packed(client) -> None:
    page = client.get("/login").text
    href = re.search(r'href="(/static/gengxun\.[0-9a-f]{10}\.css)"', page)
    assert href
    answer = client.get(href[1])
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get(href[1], headers={"accept-encoding": "identity"})
    assert plain.content == answer.content
    assert "content-encoding" not in plain.headers


def test_language_is_remembered(new_client) -> None:
    zh = new_client(lang="zh")
    assert "登录" in zh.get("/login").text
    assert 'lang="en"' in zh.get("/login?lang=en").text
    assert "Pass phrase" in zh.get("/login").text
    assert zh.get("/login?lang=xx").status_code == 200
    assert "没有这个图斑，或不在您的管辖范围内。" in new_client(lang="zh").get("/nothing").text


def test_what_nobody_foresaw_has_a_number_and_no_traceback(app, client, caplog) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret of the house")

    answer = client.get("/broken")
    assert answer.status_code == 500
    number_ = re.search(r"[0-9a-f]{8}", re.sub(r'value="[^"]*"|\.[0-9a-f]{10}\.', "", answer.text))
    assert number_
    assert number_[0] in caplog.text
    assert "secret of the house" not in answer.text
    assert "retry safely" in answer.text


def test_accounts_out_of_reach_are_said_in_words(client, office) -> None:
    office.store.close()
    for path in office.root.glob("portal.db*"):
        path.unlink()
    office.store.path.mkdir()
    client.cookies.set("gx_session", "x")
    answer = client.get("/login")
    assert answer.status_code == 500
    assert "数据没有受影响" in answer.text
    assert "The data are not affected" in answer.text
    assert str(office.root) not in answer.text


def test_no_secret_stands_in_a_log(client, office, sign_in, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in(client, "reviewer")
    token = people.new_token(office.store, "reviewer", "QGIS", at=office.clock())
    client.get(f"/ogc?token={token}")
    client.get("/l/abcdefghijklmnop/data.json")
    client.get("/no%0Aforged%20line")
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith(("gengxun", "uvicorn")))
    assert token not in ours
    assert client.cookies["gx_session"] not in ours
    assert "abcdefghijklmnop" not in ours
    assert WORD not in ours
    assert "GET /ogc 200" in ours
    assert "GET /no?forged line 404" in ours, "a line cannot be forged"
    stored = b"".join(p.read_bytes() for p in office.root.glob("portal.db*"))
    for secret in (token, client.cookies["gx_session"], WORD):
        assert secret.encode() not in stored


def test_roles_open_what_the_table_says() -> None:
    assert {p for p in PAGES if Person("a", Role.LEADER).may(p)} == {"overview", "case", "print", "stats", "account"}
    assert {r for r in Role if r in PAGES["users"]} == {Role.ADMINISTRATOR}
    assert not any(Person("a", Role.SYSTEM).may(page) for page in PAGES)


def test_an_area_is_never_widened() -> None:
    person = Person("a", Role.REVIEWER, ("430321", "430321101", "430382"))
    assert areas_of(person) == ["430321", "430382"]
    assert areas_of(person, "430321102") == ["430321102"]
    assert areas_of(person, "4303") == ["430321", "430382"]
    assert areas_of(person, "4301") == []
    assert not person.sees({"district_code": "430304", "township_code": ""})
    assert not person.sees({"district_code": "", "township_code": None})


def test_two_workers_share_sessions_and_a_closed_account_is_out_within_a_second(office) -> None:
    add_person(office, "administrator")
    with served(office.root, workers=2) as base:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        page = opener.open(f"{base}/login?lang=en").read().decode()
        form = {"csrf": csrf(page), "name": "administrator", "password": WORD, "next": "/account"}
        opener.open(f"{base}/login", urlencode(form).encode())
        for _ in range(20):
            assert len(json.loads(opener.open(f"{base}/api/users").read())["users"]) == 1
        people.disable(office.store, "administrator", at=office.clock())
        began = time.monotonic()
        for _ in range(10):
            with pytest.raises(urllib.error.HTTPError) as refused:
                opener.open(f"{base}/api/users")
            assert refused.value.code == 401
        assert time.monotonic() - began < 60
    log = next(office.root.parent.glob("serve-*.log")).read_text()
    assert "http://127.0.0.1:" in log
    assert "Traceback" not in log


def test_a_reset_and_a_disabled_account_end_tokens_and_sessions(client, new_client, sign_in, office) -> None:
    for end in (people.reset, people.disable):
        name = add_person(office, "reviewer", name=end.__name__)
        browser = sign_in(new_client(), "reviewer", name=name)
        head = {"authorization": f"Bearer {people.new_token(office.store, name, 'QGIS', at=office.clock())}"}
        assert client.get("/api/me", headers=head).status_code == 200
        first = end(office.store, name, at=office.clock())
        assert client.get("/api/me", headers=head).status_code == 401
        assert browser.get("/account").status_code == 303
        if end is people.disable:
            people.disable(office.store, name, at=office.clock(), disabled=False)
        else:
            people.new_word(office.store, name, first, STRONG, at=office.clock())
        assert client.get("/api/me", headers=head).status_code == 401, "nor does it come back"


def test_a_person_saves_as_many_filters_as_are_kept(client, sign_in) -> None:
    sign_in(client, "leader")

    def save(name: str, query: str = "q=x"):
        return client.post("/cases/filters", data={"csrf": client.csrf, "name": name, "query": query})

    assert {save(f"f{n}").status_code for n in range(50)} == {303}
    over = save("one more")
    assert over.status_code == 422
    assert "50 filters are saved, as many as are kept; delete one." in over.text
    assert save("f7", "q=y").status_code == 303, "one that is there is written anew"
    one = re.search(r'action="(/cases/filters/\d+/delete)"', client.get("/cases").text)
    assert one
    client.post(one[1], data={"csrf": client.csrf})
    assert save("one more").status_code == 303
