"""Room on the disk for an upload: beside the reserve, and beside what others under way have still to write.

Must not know quotas: those are the store's.
"""

from collections.abc import Iterable

from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.upload import OpenUpload
from cnmessage_protocol.errors import ErrorCode, RequestError


def check_room(blobs: Blobs, reserve: int, file: bytes, size: int, under_way: Iterable[OpenUpload]) -> None:
    """STORAGE when this upload would not leave `reserve` bytes free once all uploads are whole."""
    rest = size - blobs.size_of_part(file)
    promised = sum(each.flow.size - each.flow.offset for each in under_way)
    if blobs.free() - promised - rest < reserve:
        text = "the broker's disk has no room for this file; ask who runs it, or try later"
        raise RequestError(ErrorCode.STORAGE, text)
