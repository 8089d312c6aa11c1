"""One archive of a folder of golden vectors. The same vectors give the same bytes, so its hash can be cited."""

from __future__ import annotations

import tarfile
from pathlib import Path

# The folder in the archive, whatever the folder on the disk is called.
FOLDER = "golden-vectors"


def write(folder: Path, archive: Path) -> None:
    """Write all files of a folder to a tar archive in name order, without times, owners or compression.

    Raises
    ------
    OSError
        If it cannot be written. Then there is no archive.
    """
    partial = archive.with_name(f".{archive.name}.partial")
    try:
        with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                member = tarfile.TarInfo(f"{FOLDER}/{path.relative_to(folder).as_posix()}")
                member.size, member.mode = path.stat().st_size, 0o644
                with path.open("rb") as file:
                    tar.addfile(member, file)
        partial.replace(archive)
    finally:
        partial.unlink(missing_ok=True)
