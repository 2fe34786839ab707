"""The HTTP side of Klaroen: it authenticates, bounds, parses, asks dispatch, and answers.

Law: the edge opens no store and holds no register; whatever it says was said by dispatch, on the socket that `link`
keeps. Reading order: routes, app, desk, alerts, link.
"""
