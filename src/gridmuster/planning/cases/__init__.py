"""Unit-commitment cases of others: read, solved with a proven bound, and judged independently.

The three-binary model of Morales-España, Latorre and Ramos (IEEE Trans. Power Systems 28(4), 2013)
with the tightenings of Gentile, Morales-España and Ramos (EURO J. Comput. Optim. 5, 2017); alike
units are one group with whole numbers of units on.
"""
