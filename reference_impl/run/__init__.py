"""How a run goes: the subject, the selection of calls, the judgement, and the processes in which it is made."""
