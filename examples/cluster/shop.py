"""A shop on several hosts. What it has to remember is in Redis, so it doesn't matter who serves."""

from __future__ import annotations

import os
import secrets

import redis
from flask import Flask, Response, jsonify, request

HERE = {"host": os.environ.get("SHOP_HOST", ""), "process": os.getpid()}
SESSION_SECONDS = 3600

store = redis.Redis.from_url(os.environ["SHOP_REDIS"], decode_responses=True)
app = Flask(__name__)


@app.get("/")
def visit() -> Response:
    """Count the visits of a session, whose cookie is but a key."""
    session = request.cookies.get("session") or secrets.token_urlsafe(16)
    visits = store.incr(f"visits:{session}")
    store.expire(f"visits:{session}", SESSION_SECONDS)
    response = jsonify(**HERE, visits=visits, client=request.remote_addr)
    response.set_cookie("session", session, max_age=SESSION_SECONDS, httponly=True, samesite="Lax")
    return response


@app.post("/orders")
def order() -> tuple[Response, int]:
    """Take an order; whoever sends it twice gets two."""
    store.rpush("orders", request.get_data(as_text=True))
    return jsonify(**HERE), 201
