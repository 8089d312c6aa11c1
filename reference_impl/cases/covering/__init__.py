"""Covering designs: few cases with every feasible combination of the factors that kernels branch on.

factors, values     the named factors with their levels, and the named values; the levels of a case
configurations      the small values that a case is made of, and so what is feasible
space, coverage     which combinations are feasible, and which of them a list of cases has
design, realise     build rows of levels that have all of them, and make cases of these
ladder              sizes at block edges and beyond counters
narrow              the combinations that a backend with lacks supports, and cases that have them
claim               a sentence about a list of cases

`python -m reference_impl.cases.covering NAME` builds the catalogue NAME anew.
"""
