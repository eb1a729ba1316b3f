"""The page on webhooks works as written: its commands are run, its snippets verify what really comes."""

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from connectors import sandbox
from gateway.app import build_app
from tests.bed import bed, served
from tests.receivers import Got, receiving

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "webhooks.md").read_text("utf-8")


def snippets() -> dict[str, Any]:
    """The functions a reader copies."""
    found: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "webhooks.md", "exec"), found)  # noqa: S102  our own page
    return found


async def test_the_commands_run_and_the_snippets_verify(tmp_path: Path) -> None:
    """Both ways to sign; changed, late or foreign signals are refused."""
    functions = snippets()
    commands = [each for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for each in split(block)]
    assert len(commands) == 6
    async with (
        served(sandbox.build()) as sandbox_url,
        bed(
            tmp_path, database_url=f"sqlite:///{tmp_path}/p.db", sandbox_url=sandbox_url, webhook_allow="127.0.0.1"
        ) as gateway,
        receiving() as receiver,
        served(build_app(gateway.services)) as url,
    ):
        await gateway.partner("ml-brume")
        token = await gateway.token("ml-brume")
        environment = os.environ | {"GATEWAY": url, "TOKEN": token, "RECEIVER": receiver.url}

        async def run(command: str) -> Any:
            done = await asyncio.to_thread(
                subprocess.run, ["bash", "-ec", command], env=environment, capture_output=True, text=True, check=True
            )
            return json.loads(done.stdout or "null")

        made = await run(commands[0])
        environment["WEBHOOK"] = made["id"]
        assert (await run(commands[1]))["acknowledged"]
        pseudonym = await gateway.link(token, "lucas-perrin")
        await gateway.authorise(token, "ml-brume", pseudonym, "support.youth")
        await deliver(gateway)
        assert (await run(commands[2]))["deliveries"][0]["state"] == "delivered"
        assert await run(commands[3]) == {"replayed": 1}
        assert (await run(commands[4]))["state"] == "active"
        assert await run(commands[5]) is None
        await deliver(gateway)
        assert len(receiver.got) == 3
        verify = functions["verify"]
        for got in receiver.got:
            assert verify(made["secret"], got.headers, got.body)
            assert not verify(made["secret"], got.headers, got.body + b" ")
            assert not verify(made["secret"], got.headers, got.body, now=0)
        body = {"url": receiver.url, "signature": "http-message-signature"}
        mine = (await gateway.post("/v1/webhooks", body, token)).json()
        await gateway.post(f"/v1/webhooks/{mine['id']}/test", None, token)
        keys = (await gateway.http.get("/v1/webhooks/jwks")).json()
    check_by_key(functions["verify_by_key"], keys, mine["url"], receiver.got[-1])


def check_by_key(verify: Any, keys: Any, url: str, got: Got) -> None:
    """Every part that is covered."""
    assert verify(keys, url, got.headers, got.body)
    assert not verify(keys, url, got.headers, got.body + b" ")
    assert not verify(keys, url + "x", got.headers, got.body)
    assert not verify(keys, url, got.headers, got.body, now=0)
    assert not verify(keys, url, got.headers | {"webhook-id": "x"}, got.body)
    fewer = got.headers["signature-input"].replace('"@target-uri" ', "")
    assert not verify(keys, url, got.headers | {"signature-input": fewer}, got.body)


async def deliver(gateway: Any) -> None:
    while await gateway.services.signals.round(gateway.services.clock):
        await gateway.services.signals.finish()


def split(block: str) -> list[str]:
    """The commands of a block: each begins with its name."""
    return [f"curl{each}" for each in re.split(r"^curl", block, flags=re.MULTILINE) if each.strip()]
