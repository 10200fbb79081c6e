"""The errors that Phonoscope raises: one sentence each, what was wrong and what to do.

::

    PhonoscopeError
    ├── UsageError (ValueError)             an option or argument cannot be right        exit code 2
    ├── InputError (ValueError)             the given file or data cannot be used        exit code 1
    │   ├── InputNotFoundError (FileNotFoundError)                                       exit code 1
    │   └── InputUnreachableError (ConnectionError)                                      exit code 1
    ├── SilenceError                        nothing stands above the noise floor         exit code 1
    ├── OutputError (OSError)               the result cannot be written                 exit code 1
    ├── ClusterError (ConnectionError)      other machines cannot be used                exit code 1
    └── MissingExtraError (ImportError)     an optional package is not installed         exit code 1

They also inherit the built-in error that a Python caller would expect: ``except ValueError`` works.
"""


class PhonoscopeError(Exception):
    """Base of every error that Phonoscope raises on purpose."""


class UsageError(PhonoscopeError, ValueError):
    """An option or argument has a value that cannot be right."""


class InputError(PhonoscopeError, ValueError):
    """The input exists, but nothing can be measured from it."""


class InputNotFoundError(InputError, FileNotFoundError):
    """The input does not exist."""


class InputUnreachableError(InputError, ConnectionError):
    """The input is on the net, and cannot be reached now."""


class SilenceError(PhonoscopeError):
    """Nothing stands above the noise floor, and nothing is invented."""


class OutputError(PhonoscopeError, OSError):
    """The result cannot be written."""


class ClusterError(PhonoscopeError, ConnectionError):
    """The machines that should share the work cannot be used."""


class MissingExtraError(PhonoscopeError, ImportError):
    """A feature needs an optional package that is not installed."""
