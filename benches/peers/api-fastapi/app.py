"""The booking transaction of peers/api-axum on FastAPI and asyncpg. It makes its tables anew.

DSN=postgres://… uvicorn app:app --port PORT
"""
import itertools
import os
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Response
from pydantic import BaseModel

TABLES = """
drop table if exists bookings, outbox;
create table bookings (id bigserial primary key, staff bigint not null, starts bigint not null,
    ends bigint not null, name text not null, phone text not null);
create index on bookings (staff, starts, ends);
create table outbox (id bigserial primary key, kind text not null, body text not null);
"""
NEXT = itertools.count()


@asynccontextmanager
async def life(app):
    app.state.pool = await asyncpg.create_pool(os.environ["DSN"], min_size=8, max_size=8)
    await app.state.pool.execute(TABLES)
    yield


app = FastAPI(lifespan=life)


class Request(BaseModel):
    staff: int
    name: str
    phone: str


@app.post("/book", status_code=201)
async def book(request: Request, response: Response):
    starts = next(NEXT) * 1800
    ends = starts + 1800
    async with app.state.pool.acquire() as c, c.transaction():
        await c.execute("select pg_advisory_xact_lock($1)", request.staff * 1000000 + starts // 86400)
        busy = await c.fetchrow(
            "select id from bookings where staff = $1 and starts < $2 and starts > $3::bigint - 86400"
            " and ends > $3::bigint limit 1",
            request.staff, ends, starts,
        )
        if busy:
            response.status_code = 409
            return
        number = await c.fetchval(
            "insert into bookings (staff, starts, ends, name, phone) values ($1, $2, $3, $4, $5) returning id",
            request.staff, starts, ends, request.name, request.phone,
        )
        await c.execute(
            "insert into outbox (kind, body) values ('booking.created', $1)",
            f'{{"id":{number},"phone":"{request.phone}"}}',
        )
