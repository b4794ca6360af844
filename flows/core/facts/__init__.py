"""Facts: a command and its parser side by side; what a host cannot tell becomes None, never an exception."""

from flows.core.facts.cluster import parse_ha_status
from flows.core.facts.control import control_questions, script_facts
from flows.core.facts.disks import folders_of
from flows.core.facts.host import host_facts, host_questions, unreached
from flows.core.facts.question import Answers, Question, ask, split
from flows.core.facts.saved import password_record, restore_points, saved_parameters, server_questions
from flows.core.facts.script import proposed_nodes

__all__ = [
    "Answers",
    "Question",
    "ask",
    "control_questions",
    "folders_of",
    "host_facts",
    "host_questions",
    "parse_ha_status",
    "password_record",
    "proposed_nodes",
    "restore_points",
    "saved_parameters",
    "script_facts",
    "server_questions",
    "split",
    "unreached",
]
