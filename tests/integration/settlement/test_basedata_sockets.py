"""The whole way: `nontax serve`, the command, and simulated banks and platform that answer."""

from __future__ import annotations

import asyncio
from typing import Any

from nontax.simulators.county import County
from nontax.simulators.scenario import Behaviour, Rule

from .telling import ACCOUNTS


async def status(town: County, **wanted: str) -> list[dict[str, Any]]:
    """What `push --status` says of the lists of these facts."""
    said = await town.gateway.installation.must("catalogue", "push", "--status", "--json")
    nodes: list[dict[str, Any]] = said.json()["nodes"]
    return [one for one in nodes if all(one[name] == value for name, value in wanted.items())]


async def settled(town: County) -> list[dict[str, Any]]:
    """The state of every list, as soon as nothing is under way any more."""
    async with asyncio.timeout(30):
        while True:
            lists = await status(town)
            if not {one["state"] for one in lists} & {"queued", "sent", "acknowledged"}:
                return lists


async def test_lost_answers_refused_accounts_and_what_is_told_again(town: County) -> None:
    installation = town.gateway.installation
    installation.configure({"base_data": {"pack_size": 2}})
    bank, other = town.banks[:2]
    script = bank.node.script
    script.add(Rule(number="5952", nth=2, do=Behaviour(ending="close")))
    script.add(
        Rule(
            side="execute",
            number="5952",
            nth=1,
            do=Behaviour(result="16004", information="户名不符", lines=(2,)),
        )
    )
    await town.open()
    pushed = (await installation.must("catalogue", "push", "--json")).json()
    assert len(pushed["queued"]) == 9
    lists = await settled(town)
    states = {(one["node"], one["kind"]): one["state"] for one in lists}
    assert states.pop((bank.node.code, "accounts")) == "partly"
    assert states.pop((other.node.code, "unit-accounts")) == ""
    assert set(states.values()) == {"succeeded"}

    # Pack 2 came twice, and the bank put it in once; it refused the second account.
    assert len(bank.node.of("5952")) == 4
    [batch] = [one for one in lists if (one["node"], one["kind"]) == (bank.node.code, "accounts")]
    assert batch["failures"] == [{"AcctNo": ACCOUNTS[1], "Code": "16004", "Msg": "户名不符"}]
    assert (batch["succeeded"], batch["failed"], batch["new"]) == (4, 1, 5)
    assert [one["new"] for one in lists if one is not batch] == [0] * 9

    # The bank has put it right: the list goes again, and only this one.
    again = (await installation.must("catalogue", "push", "--json")).json()
    [queued] = again["queued"]
    assert (queued["node"], queued["entries"]) == (bank.node.code, 5)
    assert {one["state"] for one in await settled(town)} == {"succeeded", ""}
    assert len(bank.accounts) == 2
    assert (await installation.must("catalogue", "push", "--json")).json()["queued"] == []


async def test_the_service_tells_by_itself_and_goes_on_after_a_restart(town: County) -> None:
    installation = town.gateway.installation
    told = {town.platform.node.code: {"sync_catalogue": True}}
    installation.configure({}, told)
    await town.open()
    await town.platform.node.wait_for("5955", 4)
    more = installation.directory / "more.toml"
    more.write_text(
        '[[units]]\ncode = "0900"\nname = "新单位"\nregion = "320682"\nstart = 2026-01-01\n',
        "utf-8",
    )
    await installation.must("catalogue", "import", str(more))
    await town.platform.node.wait_for("5955", 5)
    [*_, last] = town.platform.base_data
    assert (last.SyncMode, last.Kind) == ("2", "1")
    assert [detail.Code for detail in last.DetailList] == ["0900"]

    await settled(town)
    await town.gateway.stop()
    more.write_text(more.read_text("utf-8") + "stop = 2026-12-31\n", "utf-8")
    await installation.must("catalogue", "import", str(more))
    await town.gateway.start()
    await town.platform.node.wait_for("5955", 6)
    [*_, last] = town.platform.base_data
    assert [(d.Code, d.StopDate) for d in last.DetailList] == [("0900", "20261231")]
    # Nothing that was told before is told again.
    assert {one["new"] for one in await status(town, node=town.platform.node.code)} == {0}
    assert len(town.platform.base_data) == 6
