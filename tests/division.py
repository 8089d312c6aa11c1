"""Division of the tests among the workers of pytest-xdist."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScheduling

from reference_impl.backends import registry
from reference_impl.run.subject import OURS

_FRAMEWORKS = "|".join(sorted({*registry.ADAPTERS} - {*OURS}))
# The ids of the equivalence tests: operation-backend-..., or the backend alone.
_OF_FRAMEWORK = re.compile(rf"^tests/equivalence/.*\[(\w+-)?({_FRAMEWORKS})\b")


class FrameworksOnOneWorker(LoadScheduling):
    """The usual division, but the first worker makes the equivalence tests of frameworks as long as it can.

    So their processes start there alone. That worker begins with others: no test of a framework runs before those of
    the oracle have begun.
    """

    def _send_tests(self, node, num: int) -> None:
        first = min(self.nodes, key=lambda node: node.gateway.id)
        frameworks = node is first and bool(self.node2pending[node])
        liked = [item for item in self.pending if bool(_OF_FRAMEWORK.match(self.collection[item])) == frameworks]
        sent = {*(liked or self.pending)[:num]}
        self.pending.sort(key=lambda item: item not in sent)  # the first `num` are sent; the others keep their order
        super()._send_tests(node, len(sent))
