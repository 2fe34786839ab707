"""Simulated carriers as real processes: real protocols on loopback, seeded fates, raw ledgers.

Law: nothing here imports the engine or its adapters, so that a fault of theirs cannot hide in a fault of ours.
Reading order: fate, conditions, ledger, wheel, door; then pdu, session, account, handsets, smsc; then http_in,
webhook, gateway; then sip, sdp, rtp, digest, callfate, burst, sounds, ear, mouth, talk, call, trunk_paths, trunk.
"""
