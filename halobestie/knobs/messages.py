"""What the rest of the house sees of the knobs: their values, read without waiting.

`Knobs` is the one schema: a field is a knob, its annotation the type and bounds, its
description the text that operators read. Windows keep the value they started with.
"""

from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from actors import Ask

Seconds = Annotated[int, Meta(ge=5, le=3600)]
Slug = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+\Z")]
Label = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+\Z")]


class PricingTier(Struct, frozen=True, forbid_unknown_fields=True):
    """One length of session and its price in rupiah."""

    id: Slug
    label: Label
    duration_minutes: Annotated[int, Meta(ge=1, le=1440)]
    amount: Annotated[int, Meta(ge=0, le=100_000_000)]


class Topic(Struct, frozen=True, forbid_unknown_fields=True):
    """Something a customer may say the talk is about."""

    id: Slug
    label: Label
    is_sensitive: bool


class SupportHandle(Struct, frozen=True, forbid_unknown_fields=True):
    """Where people reach the company."""

    kind: Literal["whatsapp", "telegram"]
    label: Label
    url: Annotated[str, Meta(max_length=300, pattern=r"^https://[^\s\x00-\x1f]+\Z")]


class Knobs(Struct, frozen=True):
    """Every knob's value at one moment."""

    max_customers_per_mitra: Annotated[
        int,
        Meta(ge=1, le=50, description="Sesi berjalan per mitra. Sesi yang sudah ada tetap."),
    ] = 3
    mitra_stale_after_seconds: Annotated[
        int,
        Meta(
            le=3600,
            description="Tanpa heartbeat selama ini mitra menjadi offline."
            " Paling sedikit dua kali jeda heartbeat.",
        ),
    ] = 90
    pairing_blast_timeout_seconds: Annotated[
        Seconds,
        Meta(description="Lama pencarian ke semua mitra. Pencarian yang berjalan tidak berubah."),
    ] = 300
    returning_chat_confirmation_timeout_seconds: Annotated[
        int,
        Meta(
            ge=5,
            le=300,
            description="Waktu satu mitra menjawab permintaan langsung."
            " Permintaan yang berjalan tidak berubah.",
        ),
    ] = 20
    payment_session_timeout_minutes: Annotated[
        int,
        Meta(
            ge=1,
            le=1440,
            description="Masa berlaku permintaan pembayaran. Yang sudah dibuat tidak berubah.",
        ),
    ] = 20
    extension_timeout_seconds: Annotated[
        int,
        Meta(
            ge=3,
            le=300,
            description="Waktu mitra menjawab perpanjangan. Yang sedang menunggu tidak berubah.",
        ),
    ] = 10
    extension_default_action_on_timeout: Annotated[
        Literal["auto_approve", "auto_reject"],
        Meta(
            description="Bila mitra diam: setujui (hanya jika mitra online dan tersambung)"
            " atau tolak."
        ),
    ] = "auto_approve"
    expired_decision_seconds: Annotated[
        Seconds,
        Meta(
            description="Waktu pelanggan memutuskan setelah sesi habis."
            " Sesi yang sudah habis tidak berubah."
        ),
    ] = 300
    closing_grace_seconds: Annotated[
        Seconds,
        Meta(description="Waktu untuk pesan penutup. Penutupan yang berjalan tidak berubah."),
    ] = 300
    free_trial_enabled: Annotated[
        bool, Meta(description="Pelanggan tanpa transaksi mendapat satu sesi gratis.")
    ] = True
    free_trial_duration_minutes: Annotated[
        int,
        Meta(
            ge=1,
            le=120,
            description="Lama sesi gratis. Permintaan yang sudah dibuat tidak berubah.",
        ),
    ] = 5
    early_end_customer_enabled: Annotated[
        bool, Meta(description="Pelanggan boleh mengakhiri sesi sebelum waktunya.")
    ] = True
    early_end_mitra_enabled: Annotated[
        bool, Meta(description="Mitra boleh mengakhiri sesi sebelum waktunya.")
    ] = False
    anonymous_customers_enabled: Annotated[
        bool, Meta(description="Orang boleh memakai aplikasi tanpa mendaftar.")
    ] = True
    anonymous_max_sessions: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Sesi yang boleh dipakai sebelum harus mendaftar. 0: tanpa batas.",
        ),
    ] = 0
    mitra_sees_customer_name: Annotated[
        bool, Meta(description="Mati: setiap pelanggan tampil sebagai Sahabat.")
    ] = True
    pricing_tiers: Annotated[
        tuple[PricingTier, ...],
        Meta(
            min_length=1,
            max_length=20,
            description="Pilihan durasi dan harga (rupiah). id dan durasi masing-masing unik."
            " Permintaan yang sudah dibuat tidak berubah.",
        ),
    ] = (
        PricingTier("chat_12", "12 menit", 12, 15_000),
        PricingTier("chat_30", "30 menit", 30, 30_000),
        PricingTier("chat_60", "60 menit", 60, 50_000),
    )
    topics: Annotated[
        tuple[Topic, ...],
        Meta(max_length=50, description="Topik yang dapat dipilih pelanggan. id unik."),
    ] = (
        Topic("hubungan", "Hubungan", False),
        Topic("keluarga", "Keluarga", False),
        Topic("pekerjaan", "Pekerjaan dan sekolah", False),
        Topic("cemas", "Cemas dan stres", True),
        Topic("duka", "Duka dan kehilangan", True),
    )
    support_handles: Annotated[
        tuple[SupportHandle, ...],
        Meta(max_length=10, description="Kontak bantuan yang selalu tampil di aplikasi."),
    ] = ()


class CurrentKnobs(Protocol):
    """What a feature is given: the knobs in force now."""

    @property
    def current(self) -> Knobs:
        """The values at this moment. Never waits, never fails."""
        ...


class Reread(Ask[None], frozen=True):
    """Something may have changed: read the knobs from the database."""
