"""A knob that is turned at one node is turned at every node."""

from halobestie.adapters.embedded import EmbeddedValkey
from tests.nodes import running_node
from tests.waiting import until


async def test_a_knob_is_in_force_on_the_other_node_at_once(
    database_url: str, valkey_server: EmbeddedValkey
) -> None:
    async with (
        running_node(database_url, valkey_server.url) as here,
        running_node(database_url, valkey_server.url) as there,
    ):
        await here.turns(max_customers_per_mitra=7)

        # Long before the timed reread, which would find it too.
        await until(lambda: there.house.knobs.current.max_customers_per_mitra == 7, within=5)
