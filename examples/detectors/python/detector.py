"""Finds runs of digits as long as a phone number. What crosses the boundary is in detector.wit.

The host snapshots the memory after `configure`, and every event gets a fresh copy of it: what is built
out here or there costs nothing later, and nothing that `evaluate` keeps is seen again.
"""

import json
import re

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Entity, Event, Signal, Span, Value_Text

RUN = re.compile(r"[0-9](?:[ .()-]{0,2}[0-9])*")


class Detector(exports.Detector):
    def describe(self) -> str:
        return json.dumps(
            {
                "schema": 1,
                "name": "digits-python",
                "version": "1.0.0",
                "summary": "Finds runs of digits as long as a phone number.",
                "labels": ["contact.phone"],
                "events": ["message.*"],
                "inputs": [{"kind": "field", "path": "data.content"}],
            }
        )

    def configure(self, settings: str) -> None:
        if settings != "{}":
            raise Err("this detector has no settings")

    def evaluate(self, event: Event) -> list[Signal]:
        content = event.inputs[0]
        if not isinstance(content, Value_Text):
            return []
        return [
            signal(content.value, run)
            for run in RUN.finditer(content.value)
            if 7 <= len(digits(run)) <= 15
        ]


def signal(content: str, run: re.Match) -> Signal:
    # Evidence is counted in bytes of UTF-8, a text here in characters.
    start = len(content[: run.start()].encode())
    return Signal(
        label="contact.phone",
        score=0.8,
        confidence=0.6,
        reason="A run of digits as long as a phone number.",
        spans=[Span(input=0, item=0, start=start, end=start + len(run[0].encode()))],
        entities=[Entity(kind="phone", value=digits(run))],
    )


def digits(run: re.Match) -> str:
    return re.sub("[^0-9]", "", run[0])
