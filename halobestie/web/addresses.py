"""The client's address, for per-address budgets.

`X-Forwarded-For` is a list to which every proxy appends the peer that it saw; whatever a
client sends in it stands to the left. So exactly as many entries as there are proxies of
ours are believed, from the right: none when the process is reached directly, one on
Cloud Run (its front end appends the client), two behind a load balancer in front of that.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

from quart import current_app, request

UNKNOWN = "unknown"
_IPV6_SITE_BITS = 64  # one home or phone owns at least a /64: budgets count those


def client_address() -> str:
    """A canonical address of this request's client, as a key for budgets."""
    hops: int = current_app.config["TRUSTED_HOPS"]
    peer = (request.scope.get("client") or (UNKNOWN,))[0]
    forwarded = [
        part.strip()
        for line in request.headers.getlist("X-Forwarded-For")
        for part in line.split(",")
    ]
    if hops and len(forwarded) >= hops:
        return _canonical(forwarded[-hops])
    return _canonical(str(peer))


def _canonical(text: str) -> str:
    try:
        address: IPv4Address | IPv6Address = ip_address(text.split("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    site = int(address) >> (128 - _IPV6_SITE_BITS) << (128 - _IPV6_SITE_BITS)
    return f"{IPv6Address(site)}/{_IPV6_SITE_BITS}"
