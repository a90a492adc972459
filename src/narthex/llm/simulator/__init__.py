"""Fake LLM servers with a real queueing model, in simulated time.

In: a profile, a seed, faults. Out: what vLLM, a gateway, cAdvisor and DCGM would expose, and the truth behind it.
Way of a request: workload (arrives) -> engine (waits, prefills, decodes, may be preempted) -> observers (metrics,
truth). First file to open: engine.py.
"""

from narthex.llm.simulator.faults import FAULTS, Faults
from narthex.llm.simulator.instance import Instance
from narthex.llm.simulator.profile import Profile, profile_of

__all__ = ["FAULTS", "Faults", "Instance", "Profile", "profile_of"]
