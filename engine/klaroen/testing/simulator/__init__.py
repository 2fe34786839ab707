"""Worlds from seeds: everything goes wrong that can, and what Klaroen promises is asked after every commit.

Law: a world is a function of its seed and of what is left out of it (`scenario`); fates are a function of the seed and
the attempt (`fates`); promises are pure functions over facts (`invariants`), which `watch` gathers from the outside:
from commits, hand-overs and receipts, never from what dispatch believes, except where the two are compared.
"""
