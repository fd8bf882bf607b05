"""One error tree. Every message says what was expected, what was found, where, and what to do."""

from __future__ import annotations


class FingerprintError(Exception):
    """A user or data error: shown as one clear line, exit code 1, never a traceback."""


class OutputsError(FingerprintError):
    """Outputs could not be read: the message names the file and, where there is one, the line."""


class ProbesError(FingerprintError):
    """A suite of probes could not be read or made: the message names the file and the line."""


class CollectError(FingerprintError):
    """A model could not be asked, or its answers not be kept; the message names the setting."""


class FindingError(FingerprintError):
    """A finding cannot be read, or is about others."""


class WeightsError(FingerprintError):
    """Weights could not be read, loaded or scored; the message names the folder or the setting."""


class PackError(FingerprintError):
    """A pack is truncated, tampered with, of another format version, or larger than allowed."""


class UnknownNameError(FingerprintError):
    """A SPEC is neither a path nor a name in the library; the message lists close names."""


class ComparisonError(FingerprintError):
    """The models named cannot be compared: the same model, one lineage, or no common prompts."""


class LogsError(FingerprintError):
    """Logs could not be read, scanned or simulated: the message names the file or the setting."""


class ReportError(FingerprintError):
    """A report cannot be made: the verdict file is no verdict, or the prose says too much."""


class BundleError(FingerprintError):
    """An evidence bundle is damaged, altered, made otherwise, or gives another verdict."""


class MissingExtraError(FingerprintError):
    """A feature needs an optional dependency; the message gives the command that installs it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}, which is not installed; "
            f"run: pip install 'fingerprint[{extra}]'"
        )
