"""Who may do what: identities, tokens, one-time codes, operators, devices, the audit log."""

from halobestie.accounts.audit import write_audit
from halobestie.accounts.messages import Ports
from halobestie.accounts.service import Accounts

__all__ = ["Accounts", "Ports", "write_audit"]
