"""RFC 6749 §4.1.2: a code works once, also when several processes are handed it at the same moment."""

import asyncio
import json
import sys
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors import sandbox
from gateway.oauth.models import flow
from tests.bed import bed, served
from tests.unit.oauth.code_racer import AT_ONCE, VERIFIER
from tests.unit.oauth.presence import BACK, DETAILS, Site, give

ROOT = Path(__file__).parents[4]
CODES = 12
SAME = json.dumps([{**DETAILS[0], "fields": ["rsa.beneficiary", "c2s.beneficiary"]}])
_LATER = sa.update(flow).values(code_until=2**41, expires_at=2**41)


async def test_two_processes_give_one_token_for_each_code(postgres, tmp_path):
    """On PostgreSQL: every code has one success among all processes, and its token is taken back by the others."""
    url = postgres.create_database()
    (tmp_path / "home").mkdir()
    async with (
        served(sandbox.build()) as sandbox_url,
        bed(tmp_path / "home", database_url=url, sandbox_url=sandbox_url) as opened,
    ):
        opened.unused = iter(["lucas-perrin"])
        site = Site(opened, verifier=VERIFIER)
        await site.register(BACK)
        await opened.partner("caf-brume")
        given = await give(site)
        codes = [given.code]
        for _ in range(CODES - 1):
            another = await site.opened(authorization_details=SAME)
            await site.shown(given.subject, another)
            codes.append((await site.back(another))["code"])
        await opened.services.store.write(lambda connection: connection.execute(_LATER) and None)
        pem = opened.keys["ml-brume"].private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "codes").write_text(json.dumps(codes))
    racer = [sys.executable, "-W", "error", str(Path(__file__).parents[1] / "code_racer.py"), url, str(tmp_path)]
    processes = [
        await asyncio.create_subprocess_exec(
            *racer, str(number), cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
        )
        for number in range(2)
    ]
    answers = [each for process in processes for each in json.loads((await process.communicate())[0].splitlines()[-1])]
    assert len(answers) == CODES * 2 * AT_ONCE
    won = [place for place, status, _ in answers if status == 200]
    assert won
    assert len(won) == len(set(won))
    assert {error for _, status, error in answers if status != 200} == {"invalid_grant"}
