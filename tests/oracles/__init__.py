"""Independent numerical oracles: answers worked out without any of the code under test.

Each module is written in a style of its own, so that one mistake is unlikely to appear twice:

- ``exact``: concentrations, steady states and sensitivities in 50-digit arithmetic;
- ``ode``: the same by numerical integration of the differential equations;
- ``plain``: the objective dose by dose, one BFGS run, and all local minima by many starts;
- ``grid``: the posterior on a dense grid that locates and refines itself;
- ``cases``: a seeded generator of cases, and the reference cases in the form of a case.
"""
