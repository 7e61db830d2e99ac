"""What payments tell the customer's apps."""

from uuid import UUID

import msgspec

from .messages import Status


class PaymentStatusFrame(msgspec.Struct, frozen=True, tag="payment_status", tag_field="type"):
    """A payment request has another status."""

    payment_request_id: UUID
    status: Status
