"""The demo as it is run by hand, and its apps against a real node."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from halobestie.demo.own_node import RUN, own_node
from tests.apps import Guests, Refused, guests

ADMIN = {"CC_ADMIN_EMAIL": "ratu@example.org", "CC_ADMIN_PASSWORD": "a password for one test"}


@pytest.fixture
async def come(tmp_path: Path) -> AsyncIterator[Guests]:
    """People for a node of this test."""
    async with (
        own_node(tmp_path, {**os.environ, **ADMIN}) as node,
        guests(
            node.public_url,
            node.internal_url,
            email=ADMIN["CC_ADMIN_EMAIL"],
            password=ADMIN["CC_ADMIN_PASSWORD"],
            code_for=node.codes.code_for,
        ) as people,
    ):
        yield people


async def test_a_customer_pays_is_paired_by_the_first_accept_chats_and_parts(come: Guests) -> None:
    ayu, budi = await come.mitra("Ayu"), await come.mitra("Budi")
    sari = await come.customer("Sari")

    pairing = await sari.pays_and_searches()
    assert (await ayu.is_asked())["pairing_id"] == pairing["id"]
    session = await ayu.accepts(await budi.is_asked())
    assert (await sari.gets_paired()).id == session["id"]
    await budi.wait_for("chat_request_closed", reason="taken")
    with pytest.raises(Refused, match="already_taken"):
        await budi.accepts(pairing)

    assert (await sari.says("halo")).seq == 1
    assert (await ayu.hears("halo"))["sender_id"] == sari.id
    await sari.wait_for("message_status", status="delivered", up_to_seq=1)
    assert (await ayu.says("halo juga")).seq == 2
    await sari.hears("halo juga")
    assert not budi.heard("message")

    await sari.ends()
    await ayu.wait_for("session_closing", ended_by="customer")
    await sari.parts("terima kasih")
    assert (await ayu.wait_for("closing_message"))["content"] == "terima kasih"
    await ayu.parts()
    assert (await sari.wait_for("session_completed"))["reason"] == "closed"


@pytest.mark.faults
async def test_the_demo_finds_nothing_lost_though_it_kills_its_node() -> None:
    play = "--customers 4 --mitras 2 --rate 20 --seconds 5 --kill"
    with trio.fail_after(120):
        done = await trio.run_process(
            [*RUN, "demo", *play.split()],
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
        )
    output = done.stdout.decode()
    assert done.returncode == 0, output
    assert "every acknowledged message stands once, in order, on both sides" in output


async def test_the_demo_says_in_one_line_why_it_cannot_run() -> None:
    done = await trio.run_process(
        [sys.executable, RUN[1], "demo", "--customers", "500", "--mitras", "1"],
        capture_stderr=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.decode() == "demo: 1 mitras have no room for 500 customers\n"
