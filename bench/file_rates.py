"""MiB a second of files: the product, the bare file loop, `scp`, and ten users of the product at once."""

from collections.abc import Mapping
from pathlib import Path

from bench import bare_files, files, files_at_once
from bench.figures import Figure, Measure

MIB = 512
AT_ONCE = 10
_SIZE = MIB << 20

_UP, _DOWN = "product, upload", "product, download"
_BARE_UP, _BARE_DOWN = "bare loop, upload", "bare loop, download"
_TEN_UP, _TEN_DOWN = f"product, {AT_ONCE} uploads at once", f"product, {AT_ONCE} downloads at once"
_SCP = "scp, whole process"


def run_bare_upload(folder: Path) -> Mapping[str, float]:
    return {_BARE_UP: bare_files.measure(folder, _SIZE, upload=True)}


def run_product(folder: Path) -> Mapping[str, float]:
    return dict(zip((_UP, _DOWN), files.measure(folder, _SIZE), strict=True))


def run_bare_download(folder: Path) -> Mapping[str, float]:
    return {_BARE_DOWN: bare_files.measure(folder, _SIZE, upload=False)}


def run_at_once(folder: Path) -> Mapping[str, float]:
    return dict(zip((_TEN_UP, _TEN_DOWN), files_at_once.measure(folder, AT_ONCE, _SIZE), strict=True))


def run_scp(folder: Path) -> Mapping[str, float]:
    """Nothing where it did not work."""
    rate = files.measure_scp(folder, _SIZE)
    return {} if rate is None else {_SCP: rate}


_SCP_FIGURES = (
    Figure(_SCP, "MiB/s"),
    Figure("upload ÷ scp", at_least=1.0, ratio_of=(_UP, _SCP)),
    Figure("download ÷ scp", at_least=1.0, ratio_of=(_DOWN, _SCP)),
)
_HAS_SCP = files.sshd() is not None

MEASURE = Measure(
    "files",
    f"MiB a second of {MIB} MiB on loopback, on disk at the end"
    + ("" if _HAS_SCP else "; left out: scp, as scp or sshd is not installed"),
    (run_bare_upload, run_product, run_bare_download),
    (
        Figure(_UP, "MiB/s"),
        Figure(_BARE_UP, "MiB/s"),
        Figure(_TEN_UP, "MiB/s"),
        Figure(_DOWN, "MiB/s"),
        Figure(_BARE_DOWN, "MiB/s"),
        Figure(_TEN_DOWN, "MiB/s"),
        Figure("upload ÷ bare loop", at_least=0.83, ratio_of=(_UP, _BARE_UP), checked=True),
        Figure("download ÷ bare loop", at_least=1.04, ratio_of=(_DOWN, _BARE_DOWN), checked=True),
        Figure("10 uploads at once ÷ bare loop", at_least=0.7, ratio_of=(_TEN_UP, _BARE_UP)),
        Figure("10 downloads at once ÷ bare loop", at_least=0.7, ratio_of=(_TEN_DOWN, _BARE_DOWN)),
        *(_SCP_FIGURES if _HAS_SCP else ()),
    ),
    more_runs=(run_at_once, run_scp) if _HAS_SCP else (run_at_once,),
)
