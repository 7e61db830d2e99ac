"""Secrets that development needs and nobody wants to invent.

Generated once into DATA_DIR/secrets.json (readable by its owner only) and read back at
every later start, so that tokens outlive a restart. Production generates nothing.
"""

import os
import secrets
from pathlib import Path

import msgspec

from halobestie.settings import JWT_SECRET_BYTES, Secret, Settings, SettingsError

FILE_NAME = "secrets.json"


class _Generated(msgspec.Struct):
    auth_jwt_secret: str
    cc_admin_password: str


def with_generated_secrets(settings: Settings) -> Settings:
    """`settings` with nothing missing that development can make up; as they are in production.

    SettingsError when DATA_DIR cannot be used.
    """
    if settings.production:
        return settings
    if settings.auth_jwt_secret is not None and settings.cc_admin_password is not None:
        return settings
    try:
        generated = _read_or_write(settings.data_dir / FILE_NAME)
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"DATA_DIR cannot keep {FILE_NAME}: {type(error).__name__}") from error
    return msgspec.structs.replace(
        settings,
        auth_jwt_secret=settings.auth_jwt_secret or Secret(generated.auth_jwt_secret),
        cc_admin_password=settings.cc_admin_password or Secret(generated.cc_admin_password),
    )


def _read_or_write(path: Path) -> _Generated:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = _Generated(
            auth_jwt_secret=secrets.token_urlsafe(JWT_SECRET_BYTES),
            cc_admin_password=secrets.token_urlsafe(12),
        )
        draft = path.with_suffix(f".{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as file:
            file.write(msgspec.json.encode(fresh))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename, never replaces another start's secrets
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return msgspec.json.decode(path.read_bytes(), type=_Generated)
