"""Policies and standards over data products, as the council of a mesh enforces them.

The evaluator is the ledger's own, compiled into this package: the same rules over the same product give the same verdict here and on
every node.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Sequence, Union

from . import _native
from ._native import PolicyError, ProductError

__all__ = [
    "DataProduct",
    "Policy",
    "PolicyError",
    "ProductError",
    "Result",
    "Standard",
    "Violation",
    "enforce",
]

_Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Violation:
    """A rule that a product does not meet."""

    rule: str
    """Which rule: its id in a standard, ``rule-1``, ``rule-2``, ... in a policy."""
    severity: str
    """``low``, ``medium``, ``high`` or ``critical``."""
    path: str
    """Where in the product, such as ``fields[2].tagged_as_pii``; empty where the rule reads nothing."""
    found: str
    """What stands there."""
    message: str
    """What is wrong."""
    remediation: str
    """How to put it right; empty when the rule does not say."""

    def __str__(self) -> str:
        where = f"{self.path}: {self.found}" if self.path else self.found
        text = f"{self.rule}: {self.message} ({where})"
        return f"{text}; {self.remediation}" if self.remediation else text


@dataclass(frozen=True)
class Result:
    """What a policy or standard says of a product."""

    violations: Sequence[Violation] = field(default_factory=tuple)
    """The rules that do not hold, in the policy's order."""
    applies: bool = True
    """Whether the standard's selector takes the product; when not, nothing was asked."""

    @property
    def compliant(self) -> bool:
        """Whether no rule is violated."""
        return not self.violations

    def __bool__(self) -> bool:
        return self.compliant


@dataclass(frozen=True)
class Policy:
    """Rules under a name: CEL expressions over the product document, or the forms ``all(x in xs where c: p)`` and ``any(...)``."""

    name: str
    description: str = ""
    rules: Sequence[str] = field(default_factory=tuple)


class Standard:
    """A standard's file, with its rules' messages and remediation hints."""

    def __init__(self, json_text: str) -> None:
        self._json = json_text
        self.data: Mapping[str, Any] = json.loads(json_text)

    @classmethod
    def load(cls, path: _Path) -> "Standard":
        """Reads a standard's YAML file. Raises :class:`PolicyError` with everything that is wrong with it."""
        return cls(_native.read_standard(os.fspath(path)))

    @property
    def id(self) -> str:
        """Its id, for ever."""
        return str(self.data["id"])

    def __repr__(self) -> str:
        return f"Standard({self.id!r})"


class DataProduct:
    """One data product, as rules see it."""

    def __init__(self, document: str, id: str = "") -> None:
        self._document = document
        self.id = id
        """``domain/name@version``; empty for a document that was made by hand."""

    @classmethod
    def load(cls, path: _Path, domain: Optional[str] = None) -> "DataProduct":
        """Reads a product file with one product in it: HCL, ODPS, ODCS or Open Data Registry YAML.

        ``domain`` is for files that name none. Raises :class:`ProductError` with all problems of the file.
        """
        products = cls.load_all(path, domain)
        if len(products) != 1:
            raise ProductError(f"expected one product in {os.fspath(path)}, found {len(products)}; load_all reads them all")
        return products[0]

    @classmethod
    def load_all(cls, path: _Path, domain: Optional[str] = None) -> "list[DataProduct]":
        """Reads every product of a file."""
        return [cls(document, id) for id, document in _native.read_products(os.fspath(path), domain)]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "DataProduct":
        """A product from a document that has the shape rules see; what it leaves out is null."""
        return cls(_native.document_of(json.dumps(document)))

    @property
    def document(self) -> "dict[str, Any]":
        """What rules see, a copy."""
        loaded: "dict[str, Any]" = json.loads(self._document)
        return loaded

    def __repr__(self) -> str:
        return f"DataProduct({self.id!r})"


def enforce(policy: Union[Policy, Standard], data_product: DataProduct) -> Result:
    """Asks every rule of a policy or standard of a product.

    Raises :class:`PolicyError` when a rule does not compile, with all that is wrong; a rule that reads what the product does not say
    is no error but a violation.
    """
    if isinstance(policy, Standard):
        answer = _native.check_standard(policy._json, data_product._document)
    else:
        answer = _native.check_expressions(list(policy.rules), data_product._document)
    said = json.loads(answer)
    return Result(tuple(Violation(**violation) for violation in said["violations"]), said["applies"])
